"""Where data sets are looked for: `$SEGKIT_DATA`, then the cache."""

from __future__ import annotations

import os
from pathlib import Path

from segkit.data.dataset import PublicSet
from segkit.data.registry import describe
from segkit.errors import DataError


class NotAvailable(DataError):
    """A data set is not on this machine and could not be downloaded."""


def data_folder() -> Path | None:
    """`$SEGKIT_DATA`, or None if it is not set.

    Raises:
        DataError: it is set but points to no folder.
    """
    value = os.environ.get("SEGKIT_DATA", "")
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"SEGKIT_DATA points to {folder.absolute()}, which is no folder: correct it, or unset it to use "
            "the cache"
        )
    return folder


def cache_folder() -> Path:
    """`$SEGKIT_CACHE`, or the user's cache folder of the platform. It is not made here."""
    value = os.environ.get("SEGKIT_CACHE", "")
    if value:
        return Path(value).expanduser()
    import pooch

    return Path(pooch.os_cache("segkit"))


def offline() -> bool:
    """Whether `SEGKIT_OFFLINE` forbids every download (any value but empty and 0)."""
    return os.environ.get("SEGKIT_OFFLINE", "") not in ("", "0")


def root_below(dataset: PublicSet, base: Path) -> Path | None:
    """The folder below `base` in which the data set lies in one of its layouts."""
    return next((base / name for name in dataset.folders if dataset.find(base / name)), None)


def locate(name: str) -> Path | None:
    """The folder of a data set, or None if it is neither below `$SEGKIT_DATA` nor in the cache.

    Raises:
        ConfigError: the name is unknown.
        DataError: `SEGKIT_DATA` points to no folder.
    """
    dataset = describe(name)
    folder = data_folder()
    found = root_below(dataset, folder) if folder else None
    prepared = cache_folder() / name
    return found or (prepared if dataset.find(prepared) else None)


def available(name: str) -> bool:
    """Whether a data set can be loaded without a download.

    Raises:
        ConfigError: the name is unknown.
        DataError: `SEGKIT_DATA` points to no folder.
    """
    return locate(name) is not None
