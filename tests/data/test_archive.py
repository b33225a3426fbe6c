import errno
import io
import stat
import tarfile
import zipfile

import pytest

from segkit.data import archive
from segkit.data.archive import is_archive, unpack
from segkit.errors import DataError

FILES = {"set/images/a.nii": b"aaa", "set/empty.txt": b"", "top.csv": b"x,y\n"}


def make_tar(path, members=FILES, mode="w", special=None):
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        if special:
            tar.addfile(special)
    return path


def make_zip(path, members=FILES):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


MAKERS = {
    "tar": lambda path, members=FILES: make_tar(path, members),
    "tar.gz": lambda path, members=FILES: make_tar(path, members, "w:gz"),
    "zip": make_zip,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_files_arrive_with_their_folders(tmp_path, kind):
    path = MAKERS[kind](tmp_path / "set.bin")  # the content tells, not the suffix
    assert is_archive(path)
    folder = unpack(path, tmp_path / "out" / "deep")
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == FILES


BAD_NAMES = {
    "../evil": "leaves the folder",
    "set/../../evil": "leaves the folder",
    "..\\evil": "leaves the folder",
    "/etc/evil": "has an absolute path",
    "C:\\evil": "has an absolute path",
    "\\\\server\\share\\evil": "has an absolute path",
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_member_that_leaves_the_folder_is_refused_by_name(tmp_path, kind, name):
    path = MAKERS[kind](tmp_path / "set", {"good.txt": b"1", name: b"2"})
    with pytest.raises(DataError, match=BAD_NAMES[name]) as caught:
        unpack(path, tmp_path / "out")
    assert repr(name) in str(caught.value) or name.replace("\\", "/") in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"]


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.FIFOTYPE, "a device"),
    ],
)
def test_links_and_devices_in_a_tar_are_refused_by_name(tmp_path, kind, word):
    special = tarfile.TarInfo("set/trap")
    special.type, special.linkname = kind, "top.csv"
    path = make_tar(tmp_path / "set.tar", special=special)
    with pytest.raises(DataError, match=f"member 'set/trap' is {word}"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("mode", "word"), [(stat.S_IFLNK, "a symbolic link"), (stat.S_IFCHR, "a device")])
def test_links_and_devices_in_a_zip_are_refused_by_name(tmp_path, mode, word):
    info = zipfile.ZipInfo("trap")
    info.create_system, info.external_attr = 3, (mode | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        file.writestr("good.txt", "1")
        file.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match=f"member 'trap' is {word}"):
        unpack(tmp_path / "set.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", MAKERS)
def test_a_damaged_archive_leaves_no_folder(tmp_path, kind):
    path = MAKERS[kind](tmp_path / "set", {f"{n}.bin": bytes(range(256)) * 40 for n in range(4)})
    raw = bytearray(path.read_bytes())
    raw = raw[: len(raw) // 2] if kind != "zip" else raw[:2000] + bytes(50) + raw[2050:]
    path.write_bytes(raw)
    with pytest.raises(DataError, match="damaged"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "page.html").write_text("<html>sign in</html>")
    assert not is_archive(tmp_path / "page.html") and not is_archive(tmp_path)
    with pytest.raises(DataError, match="no zip or tar"):
        unpack(tmp_path / "page.html", tmp_path / "out")


def test_an_archive_larger_than_the_disk_is_refused_before_writing(tmp_path, monkeypatch):
    usage = archive.shutil.disk_usage(tmp_path)._replace(free=5)
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"unpacks to 0 MB but .* has 0 MB left"):
        unpack(make_zip(tmp_path / "set.zip"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fills_up_leaves_no_folder(tmp_path, monkeypatch):
    path = make_zip(tmp_path / "set.zip")

    def full(source, target, length):
        target.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive.shutil, "copyfileobj", full)
    with pytest.raises(DataError, match="the disk is full"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_modes_of_the_archive_are_not_taken_over(tmp_path):
    info = tarfile.TarInfo("run.sh")
    info.mode = 0o4777
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        tar.addfile(info, io.BytesIO())
    assert not (unpack(tmp_path / "set.tar", tmp_path / "out") / "run.sh").stat().st_mode & 0o4111
