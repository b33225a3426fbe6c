"""Writing files so that nothing half-written is ever found, and saying in one sentence why it failed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segkit.errors import DataError

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def writing(where: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into one sentence about `where`.

    Raises:
        DataError: the disk is full, the folder may not be written, or another error of the system.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DataError(
                f"the disk is full while writing {where}: free some space, or set SEGKIT_CACHE to a folder "
                "on another disk"
            ) from error
        if error.errno in _DENIED or isinstance(error, PermissionError):
            raise DataError(
                f"{where} cannot be written ({os.strerror(error.errno or errno.EACCES)}): set SEGKIT_CACHE, "
                "or the output path, to a folder of your own"
            ) from error
        if error.errno is None:  # raised by a library, not by the system
            raise
        raise DataError(f"{where} cannot be written ({os.strerror(error.errno)})") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; rename it to `path` when the block has succeeded.

    The temporary name keeps all suffixes (`mask.nii.gz` → `.mask.4242.part.nii.gz`), since some writers
    choose the format by them. After an error the temporary file is gone and an older file at `path` is
    untouched.

    Raises:
        DataError: what `writing` raises.
    """
    suffixes = "".join(path.suffixes)
    stem = path.name.removesuffix(suffixes)
    temporary = path.with_name(f".{stem}.{os.getpid()}.part{suffixes}")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock `.<name>.lock` beside a file or folder; the system releases it if the process dies.

    Raises:
        DataError: what `writing` raises.
    """
    from filelock import FileLock

    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def working_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards; what a killed process left in it is cleared first.

    Raises:
        DataError: what `writing` raises.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with writing(folder):
            folder.mkdir(parents=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
