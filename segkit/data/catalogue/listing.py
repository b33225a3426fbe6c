"""The catalogue of data sets at full size."""

from __future__ import annotations

from segkit.data.catalogue import abdomen, book, chest, decathlon, skin
from segkit.data.catalogue.full_set import FullSet
from segkit.errors import unknown_name

CATALOGUE: dict[str, FullSet] = {
    entry.name: entry for entry in (*book.SETS, *decathlon.SETS, *abdomen.SETS, *chest.SETS, *skin.SETS)
}
"""Every set that can be prepared, by name; the five of the book first."""


def full_set(name: str) -> FullSet:
    """The catalogue's entry of a data set.

    Raises:
        ConfigError: the name is unknown; the message holds the nearest one.

    Example:
        >>> full_set("hippocampus").modality
        'mr'
    """
    if name not in CATALOGUE:
        raise unknown_name("data set", name, CATALOGUE)
    return CATALOGUE[name]
