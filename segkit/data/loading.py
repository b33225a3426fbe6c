"""Load a named data set, or the phantom that stands in for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Literal

from segkit.data.case import Case
from segkit.data.dataset import Source
from segkit.data.locations import NotAvailable, locate
from segkit.data.procedural import phantoms
from segkit.data.reading import read_all
from segkit.data.registry import describe
from segkit.data.splitting import PARTS, load_split
from segkit.errors import DataError, unknown_name


def load(name: str, split: str | None = None, *, ids: Iterable[str] | None = None) -> list[Case]:
    """Load cases of a named data set with raw intensities (Hounsfield units for CT).

    The set is looked for below `$SEGKIT_DATA`, then in the cache, and is downloaded into the cache otherwise.
    Only the cases that are asked for are read.

    Args:
        name: a name of `DATASETS`.
        split: `"train"`, `"validation"` or `"test"` of the committed split, which keeps a patient in one
            part; None for every case that is there, split or not.
        ids: read only the cases with these ids.

    Returns:
        Validated cases in a fixed order.

    Raises:
        ConfigError: the name, the part or an id is unknown.
        DataError: `SEGKIT_DATA` points nowhere; the set cannot be had; a patient of the split is missing; a
            file is damaged.

    Example:
        >>> load("hipocampus")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        segkit.errors.ConfigError: unknown data set 'hipocampus': did you mean 'hippocampus'? (known: ...)
    """
    dataset = describe(name)
    if split is not None and split not in PARTS:
        raise unknown_name("part of a split", split, PARTS)
    root = locate(name)
    if root is None:
        # Imported here: pooch and requests are of no use when the data are at hand.
        from segkit.data.preparing import prepare

        root = prepare(name)
    sources = dataset.find(root)
    if split is not None:
        sources = _part(name, split, sources)
    if ids is not None:
        by_id = {source.id: source for source in sources}
        wanted = list(ids)
        unknown = [id for id in wanted if id not in by_id]
        if unknown:
            raise unknown_name(f"case of {name}", unknown[0], by_id)
        sources = [by_id[id] for id in wanted]
    return read_all(dataset, sources)


def _part(name: str, split: str, sources: list[Source]) -> list[Source]:
    groups = tuple(getattr(load_split(name), split))
    missing = sorted(set(groups) - {source.group for source in sources})
    if missing:
        raise DataError(
            f"{len(missing)} of {len(groups)} patients in the {split} part of {name} are missing (first "
            f"{missing[0]}): results would not be comparable, complete the data set"
        )
    return [source for source in sources if source.group in set(groups)]


@dataclass(frozen=True)
class Loaded:
    """Cases for a page, and what they are.

    Attributes:
        cases: the cases.
        source: `"data set"` for real images, `"phantom"` for procedural ones.
        note: a sentence that the page shows.
    """

    cases: list[Case]
    source: Literal["data set", "phantom"]
    note: str

    def _repr_html_(self) -> str:
        # The classes are those of a Sphinx admonition, so that the built page gives it the look of one.
        kind, title = ("note", "Data") if self.source == "data set" else ("warning", "Phantoms, not patients")
        return (
            f'<div class="admonition {kind}"><p class="admonition-title">{title}</p>'
            f"<p>{escape(self.note)}</p></div>"
        )


# Sets for which phantoms stood in: a page must not get phantoms for training and patients for the test, nor
# wait for the same dead network at every call.
_stood_in: set[str] = set()


def load_or_phantom(name: str, split: str | None = None, *, n_phantoms: int = 12) -> Loaded:
    """Load a named data set for a page, or procedural phantoms if it is not here and cannot be downloaded.

    Only absence is bridged: a damaged file, a wrong `SEGKIT_DATA` or an unknown name raise as they do in
    `load`. Once phantoms have stood in for a set, no further download of it is tried in this process.

    Args:
        name: a name of `DATASETS`.
        split: a part of the committed split; the phantoms of the parts differ too.
        n_phantoms: how many phantoms to make in place of the set.

    Returns:
        The cases and a sentence that says what they are.

    Raises:
        ConfigError, DataError: as `load`, except for a set that cannot be had.
    """
    part = f", {split} part" if split else ""
    if name in _stood_in and locate(name) is None:
        return _phantoms(name, split, part, n_phantoms)
    try:
        cases = load(name, split)
    except NotAvailable:
        _stood_in.add(name)
        return _phantoms(name, split, part, n_phantoms)
    dataset, groups = describe(name), len({case.group for case in cases})
    note = (
        f"{dataset.title}{part}: {len(cases)} cases of {groups} patients or examinations, "
        f"licence {dataset.licence.spdx}."
    )
    return Loaded(cases, "data set", note)


def _phantoms(name: str, split: str | None, part: str, n_phantoms: int) -> Loaded:
    dataset = describe(name)
    # Parts must not share a patient, so each has seeds of its own.
    seed = 100_000 * (PARTS.index(split) + 1 if split else 0)
    note = (
        f"{dataset.title} is not on this machine and could not be downloaded, so {n_phantoms} computed "
        f"phantoms ({dataset.phantom.replace('_', ' ')}) stand in for its images{part}; figures measured on "
        "them say nothing about patients."
    )
    return Loaded(phantoms(dataset.phantom, n_phantoms, seed=seed), "phantom", note)
