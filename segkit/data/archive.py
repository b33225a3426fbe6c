"""Unpack zip and tar archives from strangers: nothing is written outside the folder, and links are
refused."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

from segkit.data.files import writing
from segkit.errors import DataError

_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError, RuntimeError)


@dataclass(frozen=True)
class _Member:
    name: str
    kind: str  # "file", "folder", or what makes it unacceptable
    size: int
    key: Any  # what the archive's own reader knows it by


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or a tar, judged by its content."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip or tar archive into a new folder.

    Every name is looked at before the first byte is written. Only plain files and folders are made; owners,
    modes and times of the archive are not taken over. After any error the folder is gone.

    Args:
        archive: zip, tar, or a compressed tar.
        folder: must not exist yet.

    Returns:
        The folder.

    Raises:
        DataError: no archive, damaged, a member that is absolute, leaves the folder, or is a link or a
            device; not enough space on the disk.
    """
    if not is_archive(archive):
        raise DataError(f"{archive} is damaged or no zip or tar archive: fetch it again")
    with _opened(archive) as (members, open_member):
        for member in members:
            _refuse(archive, member)
        with writing(folder):
            folder.mkdir(parents=True)
        try:
            _check_space(archive, folder, sum(member.size for member in members))
            for member in members:
                _write(member, folder / member.name, open_member)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return folder


def _write(member: _Member, target: Path, open_member: Any) -> None:
    with writing(target):
        if member.kind == "folder":
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        source: IO[bytes]
        with open_member(member.key) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)


def _refuse(archive: Path, member: _Member) -> None:
    reason = None
    if member.kind not in ("file", "folder"):
        reason = f"is {member.kind}"
    elif PurePosixPath(member.name).is_absolute() or PureWindowsPath(member.name).anchor:
        reason = "has an absolute path"
    elif ".." in PurePosixPath(member.name.replace("\\", "/")).parts:
        reason = "leaves the folder"
    if reason:
        raise DataError(
            f"{archive}: member {member.name!r} {reason}; nothing was unpacked, do not trust this file"
        )


def _check_space(archive: Path, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{archive} unpacks to {needed / 1e6:.0f} MB but {folder.parent} has {free / 1e6:.0f} MB left: "
            "free some space, or set SEGKIT_CACHE to a folder on another disk"
        )


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[list[_Member], Any]]:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                yield [_zip_member(info) for info in file.infolist()], file.open
        else:
            with tarfile.open(archive) as tar:
                yield [_tar_member(info) for info in tar.getmembers()], tar.extractfile
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(f"{archive} is damaged ({error}): fetch it again") from error


def _zip_member(info: zipfile.ZipInfo) -> _Member:
    mode = info.external_attr >> 16
    kind = "folder" if info.is_dir() else "file"
    if stat.S_ISLNK(mode):
        kind = "a symbolic link"
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "a device"
    return _Member(info.filename, kind, info.file_size, info)


def _tar_member(info: tarfile.TarInfo) -> _Member:
    kind = "a device"
    if info.isdir():
        kind = "folder"
    elif info.isreg():
        kind = "file"
    elif info.issym():
        kind = "a symbolic link"
    elif info.islnk():
        kind = "a hard link"
    return _Member(info.name, kind, info.size, info)
