import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from segkit.data import DATASETS, load, registry
from segkit.data.dataset import Remote
from segkit.data.locations import NotAvailable
from segkit.data.preparing import check, prepare, script
from segkit.errors import DataError
from tests.data import server as on
from tests.data.layouts import WRITERS, write_acdc_nifti

pytestmark = pytest.mark.usefixtures("own_cache")
SCRIPTS = Path(__file__).parents[2] / "data_scripts"


def files_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def served(web, tmp_path, monkeypatch):
    """hippocampus as one archive, hc18 as an archive and a loose table, chaos as loose files."""
    root = tmp_path / "source"
    for name in ("hippocampus", "hc18", "chaos"):
        WRITERS[name](root / name)

    def serve(name, *paths, archive=None):
        remotes = []
        if archive:
            made = shutil.make_archive(str(root / name / "set"), "zip", root / name, archive)
            web.routes[f"/{name}/set.zip"] = on.file(Path(made).read_bytes())
            remotes.append(Remote("set.zip", (web.url(f"/{name}/set.zip"),), unpack=True))
        for path in paths:
            web.routes[f"/{name}/{path}"] = on.file((root / name / path).read_bytes())
            remotes.append(Remote(path, (web.url(f"/{name}/{path}"),)))
        monkeypatch.setitem(registry.DATASETS, name, replace(DATASETS[name], files=tuple(remotes)))

    serve("hippocampus", archive="Task04_Hippocampus")
    serve("hc18", "training_set_pixel_size_and_HC.csv", archive="training_set")
    serve("chaos", *files_in(root / "chaos"))
    return web


@pytest.mark.parametrize("name", ["hippocampus", "hc18", "chaos"])
def test_load_downloads_what_is_not_there_and_leaves_only_the_set(served, own_cache, capsys, name):
    cases = load(name)
    assert len(cases) >= 2
    seen = {p.name for p in own_cache.iterdir() if not p.name.startswith(".")}
    assert seen == {name, "downloads", "hashes.json"}
    assert not list((own_cache / "downloads").iterdir())
    assert not any(p.name.startswith("._") for p in own_cache.rglob("*"))
    told = capsys.readouterr()
    assert told.out == "" and DATASETS[name].licence.spdx in told.err and "No hash is published" in told.err
    asked = len(served.seen)
    assert [case.id for case in load(name)] == [case.id for case in cases]
    assert len(served.seen) == asked
    assert "agree with SHA256SUMS" in check(name)


def test_a_damaged_case_is_found_before_the_set_gets_its_name(served, own_cache):
    path = "/chaos/chaos_MR_T2_normalized/label_10.nii.gz"
    served.routes[path] = on.file(b"\x1f\x8b damaged")
    with pytest.raises(DataError, match=r"label_10.nii.gz is damaged"):
        load("chaos")
    assert not (own_cache / "chaos").exists() and not (own_cache / "hashes.json").exists()
    assert not list(own_cache.glob(".*.part"))


def test_two_that_want_the_same_set_download_it_once(served):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(prepare, ["chaos", "chaos"])
    assert first == second
    assert len(served.paths()) == len(set(served.paths())) == 4


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_at_hand_is_taken_from_a_folder_or_an_archive(tmp_path, own_cache, name, packed):
    WRITERS[name](tmp_path / "hand" / "some" / "folder")
    source = tmp_path / "hand"
    if packed:
        source = Path(shutil.make_archive(str(tmp_path / "set"), "gztar", source))
    root = prepare(name, source)
    assert root == own_cache / name
    assert len(load(name)) == len(DATASETS[name].find(root))
    assert check(name).startswith(f"{name}: ")


def test_only_files_that_the_reader_uses_are_copied(tmp_path):
    root = WRITERS["openkbp"](tmp_path / "open-kbp" / "provided-data")
    (root / "train-pats" / "pt_4" / "dose.csv").write_text(",data\n")
    copied = files_in(prepare("openkbp", tmp_path / "open-kbp"))
    assert "SHA256SUMS" in copied and len(copied) == 1 + 2 * 9
    assert not any("dose" in path or "pt_7" in path for path in copied)


def test_the_challenge_layout_of_acdc_is_taken_with_its_info(tmp_path):
    write_acdc_nifti(tmp_path / "hand")
    prepare("acdc", tmp_path / "hand")
    assert [case.meta["phase"] for case in load("acdc")] == ["ES", "ED"]


def test_a_table_beside_the_folder_is_taken_along(tmp_path):
    source = WRITERS["hc18"](tmp_path / "hand")
    (source / "training_set").rename(source / "images")
    prepare("hc18", source / "images")
    assert len(load("hc18")) == 4


def test_a_second_preparation_replaces_the_first(tmp_path, own_cache):
    prepare("chaos", WRITERS["chaos"](tmp_path / "a"))
    source = WRITERS["chaos"](tmp_path / "b")
    for path in source.rglob("*_10.nii.gz"):
        path.unlink()
    prepare("chaos", source)
    assert [case.id for case in load("chaos")] == ["chaos_02"]
    assert not list(own_cache.glob(".*.part"))


def test_wrong_sources_are_one_sentence(tmp_path, own_cache):
    (tmp_path / "empty").mkdir()
    (tmp_path / "page.html").write_text("no")
    for path, message in (
        ("empty", r"empty holds no case of hc18; its layout is training_set/NNN_HC.png"),
        ("page.html", "is neither a folder nor a zip or tar archive"),
        ("none.zip", "does not exist"),
    ):
        with pytest.raises(DataError, match=message):
            prepare("hc18", tmp_path / path)
    assert not (own_cache / "hc18").exists()


def test_a_source_with_a_missing_file_is_refused(tmp_path, own_cache):
    source = WRITERS["hippocampus"](tmp_path / "a")
    (source / "Task04_Hippocampus/labelsTr/hippocampus_001.nii.gz").unlink()
    with pytest.raises(DataError, match=r"labelsTr/hippocampus_001.nii.gz is missing"):
        prepare("hippocampus", source)
    assert not (own_cache / "hippocampus").exists()


def test_a_cache_below_a_file_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match="cannot be written"):
        prepare("chaos", WRITERS["chaos"](tmp_path / "a"))


def test_check_finds_what_changed_after_the_preparation(tmp_path, own_cache):
    root = prepare("chaos", WRITERS["chaos"](tmp_path / "a"))
    shutil.copy(
        root / "chaos_MR_T2_normalized/label_2.nii.gz", root / "chaos_MR_T2_normalized/label_10.nii.gz"
    )
    (root / "chaos_MR_T2_normalized/label_10.nii.gz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"1 of 4 files .* \(first chaos_MR_T2_normalized/label_10.nii.gz\)"):
        check("chaos")
    with pytest.raises(DataError, match="run `segkit data get hc18`"):
        check("hc18")


def test_a_script_prepares_checks_and_fails_with_one_sentence(tmp_path, own_cache, capsys):
    assert script("chaos", ["--from", str(WRITERS["chaos"](tmp_path / "a"))]) == 0
    assert capsys.readouterr().out.strip() == str(own_cache / "chaos")
    assert script("chaos", ["--check"]) == 0
    assert "2 cases read and valid; 4 files agree" in capsys.readouterr().out
    assert script("hc18", []) == 1
    assert capsys.readouterr().err.startswith("error: hc18 is not on this machine")


def test_there_is_one_thin_script_per_set():
    scripts = {path.stem: path.read_text() for path in SCRIPTS.glob("*.py")}
    for name in DATASETS:
        assert f'script("{name}")' in scripts[name] and len(scripts[name].splitlines()) <= 30


def test_a_script_runs_as_a_program(tmp_path):
    command = [sys.executable, str(SCRIPTS / "chaos.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and "--from PATH" in done.stdout and "CHAOS T2-SPIR" in done.stdout


def test_a_registered_set_tells_how_to_get_it():
    with pytest.raises(NotAvailable, match="asks for registration"):
        prepare("acdc")
