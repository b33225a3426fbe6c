"""The files of a set as its source lays them out: found, downloaded, or taken from what a user has."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from segkit.data.archive import is_archive, unpack
from segkit.data.catalogue.full_set import FullSet
from segkit.data.download import fetch, record_hashes
from segkit.data.files import alone, working_folder, writing
from segkit.data.locations import cache_folder, data_folder, locate, root_below
from segkit.data.preparing import prepare
from segkit.data.registry import DATASETS
from segkit.errors import DataError

_DEPTH = 3
"""How far below a given folder the folder of a set is looked for."""


def locate_originals(entry: FullSet) -> Path | None:
    """The folder with the originals of a set, below `$SEGKIT_DATA` or in the cache; None if there is none.

    Raises:
        DataError: `SEGKIT_DATA` points to no folder.
    """
    if entry.name in DATASETS and (book := locate(entry.name)) is not None:
        return book
    folder = data_folder()
    found = root_below(entry, folder) if folder else None
    kept = originals_folder(entry)
    return found or (kept if kept.is_dir() and entry.find(kept) else None)


def originals_folder(entry: FullSet) -> Path:
    """Where a download is unpacked to."""
    return cache_folder() / "originals" / entry.name


def obtain(entry: FullSet, say: Callable[[str], None]) -> Path:
    """The folder with the originals of a set, downloaded and unpacked if need be.

    Raises:
        NotAvailable: they could not be downloaded, or the source asks for registration; the message says how.
        DataError: an archive is damaged or not to be trusted, the disk is full, what was downloaded holds no
            case.
    """
    if (found := locate_originals(entry)) is not None:
        return found
    if entry.name in DATASETS and entry.files == DATASETS[entry.name].files:
        return prepare(entry.name, say=say)
    home, downloads = originals_folder(entry), cache_folder() / "downloads" / entry.name
    with alone(home):
        if home.is_dir() and entry.find(home):  # another process was faster
            return home
        paths = fetch(entry, downloads, say)
        with working_folder(_beside(home)) as stage:
            ready = downloads  # loose files are as their source lays them out
            for file, path in zip(entry.files, paths, strict=True):
                if file.unpack:
                    ready = stage
                    say(f"Unpacking {path.name}")
                    unpack(path, stage / path.name.split(".")[0])
            if not entry.find(ready):
                raise DataError(
                    f"what was downloaded holds no case of {entry.name}; its layout should be {entry.layout}"
                )
            record_hashes(entry, paths, say)
            shutil.rmtree(home, ignore_errors=True)
            with writing(home):
                ready.replace(home)
        shutil.rmtree(downloads, ignore_errors=True)
    return home


@contextmanager
def opened(entry: FullSet, given: Path, beside: Path) -> Iterator[Path]:
    """The originals in a folder or an archive, or in the archives that lie in a folder.

    Args:
        entry: the set.
        given: what the user has.
        beside: archives are unpacked next to this folder; what was unpacked is deleted afterwards.

    Raises:
        DataError: there is no case of the set; an archive is damaged or not to be trusted.
    """
    if not given.exists():
        raise DataError(f"{given} does not exist: give the archive or the folder with --from")
    if given.is_dir() and (root := _below(entry, given)) is not None:
        yield root
        return
    archives = [given] if given.is_file() else [path for path in sorted(given.iterdir()) if is_archive(path)]
    if given.is_file() and not is_archive(given):
        raise DataError(
            f"{given} is neither a folder nor a zip or tar archive: give one of these with --from"
        )
    with alone(beside), working_folder(_beside(beside)) as stage:
        for archive in archives:
            unpack(archive, stage / archive.name.split(".")[0])
        found = _below(entry, stage)
        if found is None:
            raise DataError(f"{given} holds no case of {entry.name}; its layout is {entry.layout}")
        yield found


def _below(entry: FullSet, folder: Path) -> Path | None:
    bases = [folder]
    for _ in range(_DEPTH + 1):
        for base in bases:
            if entry.find(base):
                return base
            if (root := root_below(entry, base)) is not None:
                return root
        bases = [inner for base in bases for inner in sorted(base.iterdir()) if inner.is_dir()]
    return None


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.originals")
