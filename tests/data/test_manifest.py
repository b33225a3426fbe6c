import os
import shutil
import subprocess

import pytest

from segkit.data.manifest import check_sums, manifest_hash, write_sums
from segkit.errors import DataError
from tests.data.layouts import write_chaos, write_hippocampus


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "data"
    (root / "deep").mkdir(parents=True)
    (root / "a.txt").write_text("aa")
    (root / "deep" / "b.txt").write_text("b")
    return root


def test_the_place_and_the_times_do_not_count(folder, tmp_path):
    before = manifest_hash(folder)
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    os.utime(moved / "a.txt", (1, 1))
    assert manifest_hash(moved) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a.txt").write_text("aaa"),
        lambda root: (root / "a.txt").rename(root / "c.txt"),
        lambda root: (root / "new.txt").touch(),
        lambda root: (root / "deep" / "b.txt").unlink(),
    ],
)
def test_names_and_sizes_count(folder, change):
    before = manifest_hash(folder)
    change(folder)
    assert manifest_hash(folder) != before


def test_sums_stand_for_all_that_lies_below(folder):
    write_sums(folder / "deep", [folder / "deep" / "b.txt"])
    before = manifest_hash(folder)
    (folder / "deep" / "notes.md").write_text("not part of the set")
    assert manifest_hash(folder) == before
    (folder / "deep" / "b.txt").write_text("c")  # the same size
    write_sums(folder / "deep", [folder / "deep" / "b.txt"])
    assert manifest_hash(folder) != before


@pytest.mark.usefixtures("own_cache")
def test_without_a_folder_it_is_the_state_of_what_load_would_find(tmp_path, monkeypatch):
    nothing = manifest_hash()
    data = write_hippocampus(tmp_path / "data" / "hippocampus").parent
    monkeypatch.setenv("SEGKIT_DATA", str(data))
    one = manifest_hash()
    write_chaos(data / "chaos")
    two = manifest_hash()
    assert len({nothing, one, two}) == 3
    monkeypatch.delenv("SEGKIT_DATA")
    assert manifest_hash() == nothing


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="is no folder, so it has no manifest"):
        manifest_hash(tmp_path / "none")


def test_sums_are_those_of_sha256sum(folder):
    write_sums(folder, [folder / "deep" / "b.txt", folder / "a.txt"])
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "a.txt: OK\ndeep/b.txt: OK\n"
    assert check_sums(folder) == 2


def test_a_file_that_differs_or_is_missing_is_named(folder):
    write_sums(folder, [folder / "deep" / "b.txt", folder / "a.txt"])
    (folder / "deep" / "b.txt").write_text("x")
    with pytest.raises(DataError, match=r"1 of 2 files below .* differ from SHA256SUMS \(first deep/b.txt\)"):
        check_sums(folder)
    (folder / "a.txt").unlink()
    with pytest.raises(DataError, match=r"2 of 2 files .*\(first a.txt\)"):
        check_sums(folder)


def test_without_sums_nothing_is_checked(folder):
    assert check_sums(folder) == 0
