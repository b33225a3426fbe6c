"""Means over the cases of a test part, with intervals over patients."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from segkit.data.files import replacing
from segkit.evaluate import Measure, Summary, summarise
from segkit.evaluate.statistics.crossed import stretch

RANGES = {
    **dict.fromkeys(("dice", "sensitivity", "ppv"), (0.0, 1.0)),
    **dict.fromkeys(("hd95_mm", "assd_mm"), (0.0, math.inf)),
}
"""What a mean of each metric can be, where that is bounded."""


@dataclass(frozen=True)
class Row:
    """One metric of one structure.

    Attributes:
        structure: name of the class; "mean" for the mean over classes of each case.
        metric: name of the metric.
        summary: over cases.
        low, high: 95 % interval of the mean over patients of the same kind; NaN for a single one.
    """

    structure: str
    metric: str
    summary: Summary
    low: float
    high: float


@dataclass(frozen=True)
class Results:
    """What was measured on a part.

    Attributes:
        part: "test" or "validation".
        records: of the cases, as `testing` writes them.
        rows: one for each structure and metric.
    """

    part: str
    records: Sequence[Mapping[str, Any]]
    rows: Sequence[Row]

    def row(self, structure: str, metric: str) -> Row:
        """The row of a structure and metric."""
        return next(row for row in self.rows if (row.structure, row.metric) == (structure, metric))

    def to_json(self) -> dict[str, Any]:
        """As `results.json` holds it."""
        rows = [
            {
                "class": r.structure,
                "metric": r.metric,
                **plain(asdict(r.summary)),
                **plain({"low": r.low, "high": r.high}),
            }
            for r in self.rows
        ]
        return {"part": self.part, "rows": rows, "cases": list(self.records)}

    def __str__(self) -> str:
        lines = [f"{self.part}: {len(self.records)} cases; mean [95 % interval over patients]"]
        for row in self.rows:
            if row.metric in ("dice", "hd95_mm"):
                unit = "" if row.summary.unit == "1" else f" {row.summary.unit}"
                lines.append(
                    f"  {row.structure:<18} {row.metric:<8} {row.summary.mean:.4f}{unit} "
                    f"[{row.low:.4f}, {row.high:.4f}]"
                )
        return "\n".join(lines)


def summarised(
    records: Sequence[Mapping[str, Any]], structures: Sequence[str], metrics: Sequence[str], *, part: str
) -> Results:
    """Rows for every structure and metric, and the mean over structures of every case's Dice.

    Args:
        records: of the cases.
        structures: classes without the background.
        metrics: names.
        part: of the split.
    """
    groups = [record["group"] for record in records]
    rows = []
    for metric in metrics:
        table = [[as_measure(record["metrics"][s][metric]) for s in structures] for record in records]
        for column, structure in enumerate(structures):
            own = [line[column] for line in table]
            rows.append(_row(structure, metric, own, groups))
        if metric == "dice" and len(structures) > 1:
            rows.append(_row("mean", metric, [_mean(line) for line in table], groups))
    return Results(part, records, rows)


def patient_interval(
    values: ArrayLike, groups: Sequence[str], *, level: float = 0.95, resamples: int = 2000
) -> tuple[float, float]:
    """Bootstrap interval of the mean over cases, patients being drawn with all of their cases.

    One trained network is measured: the interval is over patients like these, not over trainings.

    Args:
        values: one per case; NaN where undefined.
        groups: the patient of each case.
        level: promised coverage.
        resamples: bootstrap samples.

    Returns:
        Low and high; NaN for fewer than two patients with a value. Deviations are stretched for few patients
        as in `hierarchical_bootstrap`.

    Example:
        >>> low, high = patient_interval([0.8, 0.9, 0.85, 0.7], ["a", "a", "b", "c"])
        >>> low < 0.8125 < high
        True
    """
    table = np.asarray(values, dtype=float)
    names = np.asarray(groups)[~np.isnan(table)]
    table = table[~np.isnan(table)]
    kinds, place = np.unique(names, return_inverse=True)
    if len(kinds) < 2:
        return math.nan, math.nan
    sums = np.bincount(place, weights=table)
    counts = np.bincount(place)
    drawn = np.random.default_rng(0).integers(len(kinds), size=(resamples, len(kinds)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    mean = table.mean()
    ends = np.quantile(stretch(len(kinds), level) * (means - mean), [(1 - level) / 2, (1 + level) / 2])
    return float(mean + ends[0]), float(mean + ends[1])


def write_csv(path: Path, results: Results) -> None:
    """One line per case and structure, one column per metric and one that says which mask was empty."""
    metrics = list(dict.fromkeys(row.metric for row in results.rows))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["case", "patient", "class", *metrics, "status"])
    for record in results.records:
        for structure, found in record["metrics"].items():
            values = ["" if found[m]["value"] is None else f"{found[m]['value']:.6g}" for m in metrics]
            table.writerow([record["id"], record["group"], structure, *values, found[metrics[0]]["status"]])
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


def as_measure(values: Mapping[str, Any]) -> Measure:
    """A measure from its JSON."""
    return Measure(**{**values, "value": math.nan if values["value"] is None else values["value"]})


def _mean(measures: Sequence[Measure]) -> Measure:
    defined = [each.value for each in measures if not each.undefined]
    mean = sum(defined) / len(defined) if defined else math.nan
    return Measure(mean, "defined" if defined else "both_empty", measures[0].policy, measures[0].unit)


def _row(structure: str, metric: str, measures: Sequence[Measure], groups: Sequence[str]) -> Row:
    low, high = patient_interval([each.value for each in measures], groups)
    # The interval of a few patients is wide and symmetric; no mean can lie outside of the metric's range.
    least, most = RANGES.get(metric, (-math.inf, math.inf))
    return Row(structure, metric, summarise(measures), max(low, least), min(high, most))
