"""Open a prepared data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from segkit.data.locations import cache_folder
from segkit.data.prepared import layout
from segkit.data.prepared.about import steps
from segkit.data.prepared.lazy_case import PreparedCase
from segkit.data.prepared.summary import percentiles
from segkit.data.splitting import PARTS, Split, k_folds
from segkit.errors import DataError, unknown_name

CT_LEVELS = (0.005, 0.995)
"""Percentiles of foreground HU that become 0 and 1 when a CT is read."""


def prepared_folder(name: str) -> Path:
    """Where the prepared form of a named set lies: in the cache, below `prepared`."""
    return cache_folder() / "prepared" / name


def open_prepared(name_or_path: str | Path) -> PreparedSet:
    """Open a prepared set by its name, or by its folder.

    Raises:
        DataError: there is none, its `dataset.json` is damaged, or it is of another format.

    Example:
        >>> open_prepared("/nowhere")
        Traceback (most recent call last):
            ...
        segkit.errors.DataError: /nowhere holds no prepared set: run `segkit data prepare NAME --out FOLDER`
    """
    given = Path(name_or_path)
    folder = given if given.is_absolute() or (given / layout.DATASET).is_file() else None
    folder = folder or prepared_folder(str(name_or_path))
    if not (folder / layout.DATASET).is_file():
        how = f"{given} --out FOLDER" if given.parts != (given.name,) else str(given)
        how = "NAME --out FOLDER" if given.is_absolute() else how
        raise DataError(f"{folder} holds no prepared set: run `segkit data prepare {how}`")
    content = layout.read_json(folder / layout.DATASET)
    parts = content["split"]
    train, validation, test = (tuple(parts[part]) for part in PARTS)
    split = Split(train, validation, test, parts["seed"])
    ends = content["statistics"]["intensity"]["channels"]
    window = (ends[0][0], ends[0][-1]) if _is_ct(content) and ends[0] else None
    return PreparedSet(folder.absolute(), content, split, _usable(window, content))


@dataclass(frozen=True, eq=False)
class PreparedSet:
    """A prepared data set.

    Attributes:
        folder: where it lies.
        content: its `dataset.json`.
        split: which groups are for training, validation and test.
        window: HU that become 0 and 1 when a CT is read: percentiles 0.5 and 99.5 of the foreground voxels of
            the train part; None for other modalities.
    """

    folder: Path
    content: Mapping[str, Any]
    split: Split
    window: tuple[float, float] | None

    @property
    def name(self) -> str:
        """Name of the data set."""
        return str(self.content["name"])

    @property
    def title(self) -> str:
        """Full name of the data set."""
        return str(self.content["title"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the label values, background first."""
        return tuple(self.content["classes"])

    @property
    def channels(self) -> tuple[str, ...]:
        """What the channels of an image show."""
        return tuple(self.content["channels"])

    @property
    def modality(self) -> str:
        """`"ct"`, `"mr"`, `"us"` or `"rgb"`."""
        return str(self.content["settings"]["modality"])

    @property
    def dims(self) -> int:
        """Spatial axes, 2 or 3."""
        return len(self.content["cases"][0]["shape"])

    @property
    def licence(self) -> str:
        """SPDX identifier, or a word for terms that have none."""
        return str(self.content["licence"]["spdx"])

    @property
    def licence_url(self) -> str:
        """Where the terms stand in full."""
        return str(self.content["licence"]["url"])

    @property
    def citations(self) -> tuple[str, ...]:
        """What to cite."""
        return tuple(self.content["citations"])

    @property
    def source(self) -> str:
        """Where the data come from."""
        return str(self.content["source"])

    @property
    def statistics(self) -> Mapping[str, Any]:
        """Medians of shape and spacing, voxels per class, percentiles of intensities."""
        return dict(self.content["statistics"])

    @property
    def hash(self) -> str:
        """SHA-256 of `dataset.json`, for run records."""
        return layout.digest(self.folder / layout.DATASET)

    @property
    def split_hash(self) -> str:
        """Hash of the split."""
        return self.split.hash

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Steps of `segkit.evaluate.preprocess` from an image as it was read to what a network sees."""
        spaced = self.content["cases"][0]["spacing_mm"] is not None
        return steps(self.content["settings"], dims=self.dims, spaced=spaced, window=self.window)

    def cases(self, part: str | None = None) -> list[PreparedCase]:
        """Cases of one part of the split, or all; in the order of `dataset.json`.

        Raises:
            ConfigError: there is no such part.
        """
        if part is not None and part not in PARTS:
            raise unknown_name("part of a split", part, PARTS)
        groups = None if part is None else set(getattr(self.split, part))
        return [
            PreparedCase(self.folder, entry, self.classes, self.window)
            for entry in self.content["cases"]
            if groups is None or entry["group"] in groups
        ]

    def unlabelled(self) -> list[PreparedCase]:
        """Cases without a label, which are in no part of the split.

        `cases()` holds them too; a recipe that learns without labels takes them and the train part.
        """
        return [case for case in self.cases() if not case.has_label]

    def case(self, id: str) -> PreparedCase:
        """One case.

        Raises:
            ConfigError: there is none of that name.
        """
        by_id = {case.id: case for case in self.cases()}
        if id not in by_id:
            raise unknown_name(f"case of {self.name}", id, by_id)
        return by_id[id]

    def with_split(self, split: Split) -> PreparedSet:
        """The same set with another split; the window of a CT is measured on its train part.

        Raises:
            DataError: a group of the split is not in the set.
        """
        known = {entry["group"] for entry in self.content["cases"]}
        missing = sorted({group for part in PARTS for group in getattr(split, part)} - known)
        if missing:
            raise DataError(
                f"{len(missing)} groups of the split are not in {self.folder} (first {missing[0]}): prepare "
                "the whole set, or make the split from its groups"
            )
        window = self.window
        if _is_ct(self.content):
            train = [e["id"] for e in self.content["cases"] if e["group"] in set(split.train)]
            records = [layout.read_json(self.folder / layout.record_file(id)) for id in train]
            ends = percentiles(records, CT_LEVELS)
            window = _usable((ends[0][0], ends[0][1]) if ends and ends[0] else None, self.content)
        return replace(self, split=split, window=window)

    def fold(
        self, k: int, n: int = 5, *, seed: int = 0, over: Literal["all", "training"] = "all"
    ) -> PreparedSet:
        """The set with fold `k` of `n` held out.

        Args:
            k: which fold, from 0.
            n: how many folds.
            seed: another seed cuts other folds.
            over: `"all"`: every group is tested in one fold, and there is no validation part; `"training"`:
                the folds of training and validation part are validated in turn, and the test part stays.

        Raises:
            ConfigError: `k`, `n` or `over` is out of range.
        """
        if over not in ("all", "training"):
            raise unknown_name("way to cut folds", over, ("all", "training"))
        test = () if over == "all" else self.split.test
        every = {group for part in PARTS for group in getattr(self.split, part)}
        groups = every - set(test)
        folds = k_folds(groups, n, seed)
        if not 0 <= k < n:
            raise unknown_name("fold", str(k), map(str, range(n)))
        rest = tuple(sorted(groups - set(folds[k])))
        split = Split(rest, (), folds[k], seed) if over == "all" else Split(rest, folds[k], test, seed)
        return self.with_split(split)


def _is_ct(content: Mapping[str, Any]) -> bool:
    return bool(content["settings"]["modality"] == "ct")


def _usable(window: tuple[float, float] | None, content: Mapping[str, Any]) -> tuple[float, float] | None:
    """The window, or all HU where there is no foreground to measure or no contrast in it."""
    if _is_ct(content) and (window is None or not window[0] < window[1]):
        return layout.HU_RANGE
    return window
