"""`dataset.json`: the set, its split, its statistics, and its cases, gathered from their records."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import segkit
from segkit.data.prepared import layout
from segkit.data.prepared.about import About
from segkit.data.prepared.quantiles import pooled
from segkit.data.splitting import PARTS, Split, load_split, make_split
from segkit.errors import ConfigError, DataError

LEVELS = (0.005, 0.25, 0.5, 0.75, 0.995)
FRACTIONS = (70, 10, 20)
"""Per cent of the groups for training, validation and test where no split is committed."""
_KEPT = (
    "id", "group", "shape", "channels", "spacing_mm", "affine", "original", "labelled", "voxels_per_class",
    "minimum", "facts", "sha256",
)  # fmt: skip


def summarise(
    about: About, ids: Sequence[str], skipped: dict[str, str], folder: Path, split: Split | None
) -> None:
    """Write `dataset.json`.

    Raises:
        DataError: no case is left; cases differ in channels, in axes or in having a spacing; a record is
            damaged.
    """
    if not ids:
        raise DataError(f"no case of {about.name} could be prepared: {next(iter(skipped.values()), '')}")
    records = [layout.read_json(folder / layout.record_file(id)) for id in ids]
    for record in records:
        for what in ("channels", "spacing_mm", "shape"):
            if _kind(record[what]) != _kind(records[0][what]):
                raise DataError(
                    f"{record['id']} and {records[0]['id']} do not agree in {what} ({record[what]} and "
                    f"{records[0][what]}): prepare them as two sets"
                )
    if records[0]["channels"] != len(about.channels):
        raise DataError(
            f"{records[0]['id']} has {records[0]['channels']} channels where {about.name} has "
            f"{len(about.channels)} ({', '.join(about.channels)}): look at the files given with --from"
        )
    official = {record["group"]: record["facts"].get("official") for record in records}
    split = split or choose_split(about.name, official)
    content = {
        "format": layout.FORMAT,
        **about.to_json(),
        "prepared_with": {
            "segkit": segkit.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "split": {"seed": split.seed, "hash": split.hash, **{part: getattr(split, part) for part in PARTS}},
        "statistics": _statistics(records, set(split.train)),
        "skipped": [{"id": id, "reason": reason} for id, reason in sorted(skipped.items())],
        "cases": [{key: record[key] for key in _KEPT} for record in records],
    }
    layout.write_json(folder / layout.DATASET, content)


def choose_split(name: str, official: Mapping[str, str | None]) -> Split:
    """Which groups belong to which part.

    The committed split, where it is about exactly these groups. Else the official one, as far as the source
    has one: a part that it lacks is drawn from the training groups by their names, as is the whole split
    where the source has none.

    Args:
        name: of the data set.
        official: group → `"train"`, `"validation"`, `"test"`, or None.
    """
    try:
        committed = load_split(name)
    except ConfigError:
        committed = None
    official = {group: told for group, told in official.items() if told != layout.UNLABELLED}
    if committed and set(official) == {group for part in PARTS for group in getattr(committed, part)}:
        return committed
    fixed = {part: [group for group, told in official.items() if told == part] for part in PARTS[1:]}
    rest = [group for group, told in official.items() if told not in PARTS[1:]]
    if not rest:
        return make_split(official, FRACTIONS, seed=0)
    fractions = [
        n if part == "train" or not fixed[part] else 0 for part, n in zip(PARTS, FRACTIONS, strict=True)
    ]
    drawn = make_split(rest, fractions, seed=0)
    validation, test = (tuple(sorted([*getattr(drawn, part), *fixed[part]])) for part in PARTS[1:])
    return Split(drawn.train, validation, test, drawn.seed)


def percentiles(records: Sequence[dict[str, Any]], levels: Sequence[float]) -> list[list[float]]:
    """Intensities on the disk at some levels, for every channel, all foreground voxels taken together."""
    return (
        [
            pooled(
                [record["quantiles"][k] for record in records],
                [record["counted"] for record in records],
                levels,
            )
            for k in range(records[0]["channels"])
        ]
        if records
        else []
    )


def _kind(value: Any) -> Any:
    """What all cases of a set must have in common: a number, the count of axes, None or not."""
    return len(value) if isinstance(value, list) else value


def _statistics(records: list[dict[str, Any]], train: set[str]) -> dict[str, Any]:
    labelled = np.array([record["voxels_per_class"] for record in records if record["labelled"]])
    training = [record for record in records if record["group"] in train] or records
    original = [record["original"] for record in records]
    return {
        "cases": len(records),
        "groups": len({record["group"] for record in records}),
        "labelled": len(labelled),
        "shape": _spread([record["shape"] for record in records])["median"],
        "spacing_mm": _spread([record["spacing_mm"] for record in records]).get("median"),
        "original": {
            "shape": _spread([one["shape"] for one in original]),
            "spacing_mm": _spread([one["spacing_mm"] for one in original]),
        },
        "voxels_per_class": labelled.sum(0).tolist() if len(labelled) else [],
        "cases_with_class": (labelled > 0).sum(0).tolist() if len(labelled) else [],
        "intensity": {
            "of": "foreground voxels of the train part, in the units of the files",
            "levels": LEVELS,
            "channels": percentiles(training, LEVELS),
        },
    }


def _spread(rows: list[list[float] | None]) -> dict[str, list[float]]:
    """Smallest, median and largest along each axis; empty where the set has no such thing."""
    if rows[0] is None:
        return {}
    table = np.array(rows, dtype=np.float64)
    found = {"min": table.min(0), "median": np.median(table, 0), "max": table.max(0)}
    return {key: [round(float(v), 6) for v in value] for key, value in found.items()}
