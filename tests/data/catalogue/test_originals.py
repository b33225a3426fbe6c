import hashlib
import shutil
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from segkit.data import CATALOGUE, open_prepared, prepare_cases
from segkit.data.catalogue import listing
from segkit.data.dataset import Remote
from segkit.data.locations import NotAvailable
from segkit.errors import ConfigError, DataError
from tests.data import server as on
from tests.data.catalogue.full_layouts import write_kits, write_mmwhs, write_task

pytestmark = pytest.mark.usefixtures("own_cache")


def quiet(line):
    """Instead of standard error."""


def below(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


@pytest.fixture
def colon(tmp_path):
    write_task(tmp_path / "hand", "colon")
    return tmp_path / "hand"


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_is_unpacked_for_the_time_of_the_preparation(colon, tmp_path, own_cache, kind):
    archive = shutil.make_archive(str(tmp_path / "set"), kind, colon)
    folder = prepare_cases("colon", root=archive, say=quiet)
    assert folder == own_cache / "prepared" / "colon" and len(open_prepared("colon").cases()) == 3
    assert below(own_cache / "prepared") == ["colon"]


def test_archives_that_lie_in_a_folder_are_unpacked(tmp_path):
    for kind in ("mr", "ct"):
        write_mmwhs(tmp_path / "hand", kind)
        shutil.make_archive(
            str(tmp_path / "zips" / f"{kind}_train"), "zip", tmp_path / "hand" / f"{kind}_train"
        )
    folder = prepare_cases("mmwhs_mr", root=tmp_path / "zips", out=tmp_path / "out", say=quiet)
    assert [case.id for case in open_prepared(folder).cases()] == ["mr_train_1001", "mr_train_1002"]


def test_a_folder_is_read_where_it_lies_and_not_changed(colon, tmp_path):
    before = sorted(path for path in colon.rglob("*"))
    prepare_cases("colon", root=colon / "Task10_Colon", out=tmp_path / "out", say=quiet)
    assert sorted(path for path in colon.rglob("*")) == before


def test_originals_below_the_data_folder_are_found(colon, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGKIT_DATA", str(colon))
    assert len(open_prepared(prepare_cases("colon", out=tmp_path / "out", say=quiet)).cases()) == 3


def serve(web, monkeypatch, name, files, *, hash=True, unpack=True):
    """The catalogue's entry with addresses of the local server: name in the download → bytes."""
    remotes = []
    for file, body in files.items():
        web.routes[f"/{file}"] = on.file(body)
        sha = f"sha256:{hashlib.sha256(body).hexdigest()}" if hash else None
        remotes.append(Remote(file, (web.url(f"/{file}"),), hash=sha, unpack=unpack))
    monkeypatch.setitem(listing.CATALOGUE, name, replace(CATALOGUE[name], files=tuple(remotes)))


def test_a_set_is_downloaded_unpacked_and_prepared_with_its_terms_first(
    web, colon, tmp_path, own_cache, monkeypatch
):
    archive = Path(shutil.make_archive(str(tmp_path / "Task10_Colon"), "tar", colon))
    serve(web, monkeypatch, "colon", {"Task10_Colon.tar": archive.read_bytes()})
    lines = []
    prepare_cases("colon", say=lambda line: lines.append((line, len(web.seen))))
    assert "licence CC-BY-SA-4.0" in lines[0][0] and lines[0][1] == 0
    assert below(own_cache / "originals") == ["colon"] and not list((own_cache / "downloads").iterdir())
    shutil.rmtree(own_cache / "prepared")
    prepare_cases("colon", say=quiet)
    assert len(web.seen) == 1


def test_loose_files_are_taken_as_they_are_and_their_hashes_noted(web, tmp_path, own_cache, monkeypatch):
    write_kits(tmp_path)
    root = tmp_path / "kits23"
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*.nii.gz"))
        if "instances" not in path.parts
    }
    serve(web, monkeypatch, "kits", files, hash=False, unpack=False)
    lines = []
    prepare_cases("kits", say=lines.append)
    assert len(open_prepared("kits").cases()) == 2
    assert any("No hash is published for 4 file(s)" in line for line in lines)
    assert (own_cache / "originals" / "kits" / "dataset" / "case_00400" / "imaging.nii.gz").is_file()


def test_a_download_with_another_hash_is_refused(web, colon, tmp_path, own_cache, monkeypatch):
    archive = Path(shutil.make_archive(str(tmp_path / "x"), "tar", colon))
    serve(web, monkeypatch, "colon", {"x.tar": archive.read_bytes()})
    web.routes["/x.tar"] = on.file(b"something else")
    with pytest.raises(NotAvailable, match="the bytes do not have the expected hash"):
        prepare_cases("colon", say=quiet)
    assert not (own_cache / "originals" / "colon").exists()


def test_a_download_of_another_set_is_refused(web, tmp_path, own_cache, monkeypatch):
    write_task(tmp_path / "other", "spleen")
    (tmp_path / "other" / "Task09_Spleen" / "imagesTr").rename(tmp_path / "other" / "images")
    archive = Path(shutil.make_archive(str(tmp_path / "x"), "tar", tmp_path / "other"))
    serve(web, monkeypatch, "colon", {"x.tar": archive.read_bytes()})
    with pytest.raises(DataError, match="what was downloaded holds no case of colon; its layout should be"):
        prepare_cases("colon", say=quiet)
    assert below(own_cache / "originals") == []


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_path_that_leaves_the_archive_is_refused(tmp_path, kind):
    archive = tmp_path / f"evil.{kind}"
    (tmp_path / "x").write_text("x")
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("../../outside.txt", "x")
    else:
        with tarfile.open(archive, "w") as file:
            file.add(tmp_path / "x", "../../outside.txt")
    with pytest.raises(DataError, match=r"leaves the folder; nothing was unpacked"):
        prepare_cases("colon", root=archive, out=tmp_path / "deep" / "out", say=quiet)
    assert not list(tmp_path.rglob("outside.txt"))
    assert not (tmp_path / "deep" / "out").exists()


def test_sets_without_a_download_tell_how_to_get_them():
    for name in ("btcv", "lits", "mmwhs_ct", "segthor"):
        with pytest.raises(NotAvailable, match="--from"):
            prepare_cases(name, say=quiet)


def test_wrong_sources_are_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "page.html").write_text("no")
    for path, message in (
        ("empty", "empty holds no case of colon; its layout is Task10_Colon"),
        ("page.html", "is neither a folder nor a zip or tar archive"),
        ("none.zip", "does not exist"),
    ):
        with pytest.raises(DataError, match=message):
            prepare_cases("colon", root=tmp_path / path, out=tmp_path / "out", say=quiet)
    with pytest.raises(ConfigError, match="spacing must be three positive numbers"):
        prepare_cases("colon", root=tmp_path, spacing=(1.0, 1.0), say=quiet)
