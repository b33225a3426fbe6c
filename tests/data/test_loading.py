from types import SimpleNamespace

import pytest

from segkit.data import DATASETS, load, load_or_phantom, loading
from segkit.data.download import fetch
from segkit.data.locations import NotAvailable
from segkit.errors import ConfigError, DataError
from tests.data.layouts import WRITERS


@pytest.fixture(autouse=True)
def fresh(own_cache, monkeypatch):
    monkeypatch.setattr(loading, "_stood_in", set())


@pytest.fixture
def data(tmp_path, monkeypatch):
    """All five sets in their layouts below SEGKIT_DATA, with a split of hc18."""
    for name, write in WRITERS.items():
        write(tmp_path / "data" / name)
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "data"))
    split = SimpleNamespace(train=("004",), validation=("000",), test=("628",))
    monkeypatch.setattr(loading, "load_split", lambda name: split)
    return split


@pytest.mark.parametrize("name", DATASETS)
def test_every_named_set_loads_valid_cases_in_a_fixed_order(data, name):
    cases = load(name)
    assert len(cases) >= 2
    assert [case.id for case in cases] == [case.id for case in load(name)]
    assert len({case.id for case in cases}) == len(cases)
    for case in cases:
        assert case.validate().classes == DATASETS[name].classes


def test_a_part_holds_all_images_of_its_patients_and_no_others(data):
    assert [case.id for case in load("hc18", "train")] == ["004_2HC", "004_HC"]
    assert [case.id for case in load("hc18", "validation")] == ["000_HC"]
    assert [case.id for case in load("hc18", "test")] == ["628_2HC"]


def test_only_what_is_asked_for_is_read(data, tmp_path):
    (tmp_path / "data/hc18/training_set/000_HC.png").write_bytes(b"damaged")
    assert len(load("hc18", "train")) == 2
    assert [case.id for case in load("hc18", ids=["628_2HC", "004_HC"])] == ["628_2HC", "004_HC"]
    with pytest.raises(DataError, match=r"000_HC.png is missing, damaged"):
        load("hc18")


def test_a_patient_that_the_split_wants_must_be_there(data):
    data.test = ("628", "632", "636")
    with pytest.raises(
        DataError, match=r"2 of 3 patients in the test part of hc18 are missing \(first 632\)"
    ):
        load("hc18", "test")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("hc19",), {}, "unknown data set 'hc19': did you mean 'hc18'"),
        (("hc18", "trian"), {}, "unknown part of a split 'trian': did you mean 'train'"),
        (("hc18",), {"ids": ["004_HD"]}, "unknown case of hc18 '004_HD': did you mean '004_HC'"),
    ],
)
def test_unknown_names_get_the_nearest_one(data, arguments, options, message):
    with pytest.raises(ConfigError, match=message):
        load(*arguments, **options)


def test_an_empty_folder_is_as_if_there_were_no_data(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "empty"))
    with pytest.raises(NotAvailable, match="hippocampus is not on this machine and SEGKIT_OFFLINE forbids"):
        load("hippocampus")


def test_a_page_says_that_it_shows_real_images(data):
    loaded = load_or_phantom("hc18", "train")
    assert loaded.source == "data set" and len(loaded.cases) == 2
    assert "train part: 2 cases of 1 patients or examinations, licence CC-BY-4.0." in loaded.note
    assert 'class="admonition note"' in loaded._repr_html_()


@pytest.mark.parametrize("name", DATASETS)
def test_without_data_and_network_a_page_shows_phantoms_and_says_so(name):
    loaded = load_or_phantom(name, n_phantoms=1)
    assert loaded.source == "phantom" and len(loaded.cases) == 1
    assert "stand in for its images" in loaded.note and "say nothing about patients" in loaded.note
    assert 'class="admonition warning"' in loaded._repr_html_() and loaded.note in loaded._repr_html_()
    assert loaded.cases[0].validate().classes == DATASETS[name].classes


def test_once_phantoms_stand_in_no_further_download_is_tried(monkeypatch):
    tried = []
    monkeypatch.setattr("segkit.data.preparing.fetch", lambda *args: tried.append(1) or fetch(*args))
    for part in ("train", "test"):
        assert load_or_phantom("hc18", part, n_phantoms=1).source == "phantom"
    assert tried == [1]


def test_when_the_data_arrive_later_they_are_used(tmp_path, monkeypatch):
    assert load_or_phantom("chaos", n_phantoms=1).source == "phantom"
    WRITERS["chaos"](tmp_path / "data" / "chaos")
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "data"))
    assert load_or_phantom("chaos").source == "data set"


def test_phantoms_of_two_parts_are_different_patients():
    train, test = (load_or_phantom("hc18", part, n_phantoms=2).cases for part in ("train", "test"))
    assert not {case.group for case in train} & {case.group for case in test}


def test_damage_is_not_bridged_by_phantoms(data, tmp_path, monkeypatch):
    (tmp_path / "data/hc18/training_set/000_HC.png").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"000_HC.png"):
        load_or_phantom("hc18")
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="points to"):
        load_or_phantom("hc18")
