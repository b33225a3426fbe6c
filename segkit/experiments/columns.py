"""From run records to arrays: the metric of every case, for all draws of one arm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.errors import DataError, unknown_name
from segkit.experiments.records import Record, canonical


def case_values(record: Record, metric: str, *, structure: str | None = None) -> NDArray[np.float64]:
    """A metric of each case of a run, shape `(cases,)`; NaN where no structure of the case has a value.

    Args:
        record: the run.
        metric: one of those that it recorded.
        structure: the name of a class, or None for the mean over the classes that have a value.
    """
    evaluation = record["evaluation"]
    if metric not in evaluation["metrics"]:
        raise unknown_name("metric of these records", metric, evaluation["metrics"])
    values = np.array(evaluation["metrics"][metric], dtype=np.float64)  # None becomes NaN
    if structure is not None:
        if structure not in evaluation["classes"]:
            raise unknown_name("structure of these records", structure, evaluation["classes"])
        values = values[:, [evaluation["classes"].index(structure)]]
    defined = ~np.isnan(values)
    means = np.where(defined, values, 0).sum(1) / np.maximum(defined.sum(1), 1)
    return np.where(defined.any(1), means, np.nan)


def metric_words(metric: str, unit: str) -> str:
    """A metric as a table or an axis calls it. A set without spacing has its distances in voxels.

    Example:
        >>> metric_words("dice", "1"), metric_words("hd95_mm", "voxels")
        ('dice', 'hd95 in voxels')
    """
    return metric if unit == "1" else f"{metric.removesuffix('_mm')} in {unit}"


@dataclass(frozen=True)
class Cell:
    """What a table compares in one block: the runs of all arms under one setting, on the same test cases.

    Attributes:
        experiment: `<slug>/<experiment>`.
        dataset: name of the data set.
        part: "test" or "validation".
        setting: what varies besides arm and draw.
        baseline: the arm that the plan names.
        runs: arm → draw → record.
    """

    experiment: str
    dataset: str
    part: str
    setting: dict[str, Any]
    baseline: str
    runs: dict[str, dict[int, Record]] = field(default_factory=dict)

    def values(
        self, arm: str, metric: str, *, draws: Sequence[int] | None = None, structure: str | None = None
    ) -> NDArray[np.float64]:
        """The metric of every case, shape `(draws, cases)`; `draws` defaults to those that the arm has."""
        of_arm = self.runs[arm]
        chosen = sorted(of_arm) if draws is None else draws
        return np.stack([case_values(of_arm[draw], metric, structure=structure) for draw in chosen])

    def common_draws(self, arm: str, baseline: str) -> list[int]:
        """Draws that both arms have finished."""
        return sorted(self.runs[arm].keys() & self.runs.get(baseline, {}).keys())

    def differences(
        self, arm: str, baseline: str, metric: str, *, structure: str | None = None
    ) -> NDArray[np.float64]:
        """For each common draw the mean over cases of arm − baseline, shape `(draws,)`."""
        draws = self.common_draws(arm, baseline)
        if not draws:
            return np.empty(0)
        ours, theirs = (self.values(a, metric, draws=draws, structure=structure) for a in (arm, baseline))
        return np.nanmean(ours - theirs, axis=1)


def cells(records: Iterable[Record]) -> list[Cell]:
    """Sort records into the blocks of a table; in each the baseline comes first, then the arms by name.

    Raises:
        DataError: there are none, or runs that are to be compared were tested on different cases.
    """
    found: dict[str, Cell] = {}
    for record in records:
        name = f"{record['slug']}/{record['experiment']}"
        where = (name, record["dataset"], record["part"], record["setting"])
        cell = found.setdefault(canonical(where), Cell(*where, baseline=record["baseline"]))
        first = next((run for runs in cell.runs.values() for run in runs.values()), record)
        if record["evaluation"]["cases"] != first["evaluation"]["cases"]:
            run = f"{record['arm']} draw {record['draw']}"
            raise DataError(f"{name}: {run} was tested on other cases than the rest: run it again")
        cell.runs.setdefault(record["arm"], {})[record["draw"]] = record
    if not found:
        raise DataError("there are no run records to make a table of: run the experiment first")
    for cell in found.values():  # workers finish in any order, and a table must not depend on it
        arms = sorted(cell.runs, key=lambda arm: (arm != cell.baseline, arm))
        cell.runs.update({arm: cell.runs.pop(arm) for arm in arms})
    return list(found.values())
