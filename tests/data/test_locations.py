import pytest

from segkit.data.locations import available, cache_folder, data_folder, locate, offline
from segkit.errors import ConfigError, DataError
from tests.data.layouts import WRITERS

pytestmark = pytest.mark.usefixtures("own_cache")

FOLDERS = {
    "hippocampus": ["msd-task04-hippocampus", "hippocampus", ""],
    "openkbp": ["openkbp-head-neck-ct", "openkbp", "open-kbp", ""],
    "acdc": ["acdc-cardiac-mri", "acdc", "ACDC", ""],
    "hc18": ["hc18-fetal-ultrasound", "hc18", ""],
    "chaos": ["chaos-t2-abdominal-mri", "chaos", ""],
}


@pytest.mark.parametrize(
    ("name", "folder"), [(name, f) for name, folders in FOLDERS.items() for f in folders]
)
def test_a_set_is_found_below_the_data_folder_under_its_names(tmp_path, monkeypatch, name, folder):
    assert not available(name)
    root = WRITERS[name](tmp_path / "data" / folder)
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "data"))
    assert available(name) and locate(name).samefile(root)
    assert not any(available(other) for other in FOLDERS if other != name)


def test_the_data_folder_comes_before_the_cache(tmp_path, monkeypatch, own_cache):
    cached = WRITERS["chaos"](own_cache / "chaos")
    assert locate("chaos") == cached
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path))
    (tmp_path / "chaos").mkdir()
    assert locate("chaos") == cached  # an empty folder is no data set
    given = WRITERS["chaos"](tmp_path / "given" / "chaos")
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "given"))
    assert locate("chaos") == given


def test_a_data_folder_that_does_not_exist_is_refused_by_its_full_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGKIT_DATA", "nowhere")
    with pytest.raises(DataError, match=rf"SEGKIT_DATA points to {tmp_path}/nowhere, which is no folder"):
        available("chaos")


def test_an_empty_variable_is_as_if_it_were_not_set(monkeypatch):
    for variable in ("SEGKIT_DATA", "SEGKIT_CACHE", "SEGKIT_OFFLINE"):
        monkeypatch.setenv(variable, "")
    assert data_folder() is None and not offline()
    assert cache_folder().name == "segkit"  # the platform's own


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("yes", True), ("0", False)])
def test_offline_is_any_value_but_zero(monkeypatch, value, expected):
    monkeypatch.setenv("SEGKIT_OFFLINE", value)
    assert offline() is expected


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(ConfigError, match="unknown data set 'hipocampus': did you mean 'hippocampus'"):
        locate("hipocampus")
