"""Rows of a results table: means with intervals, paired differences, and tests over draws."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from segkit.errors import unknown_name
from segkit.evaluate.statistics import hierarchical_bootstrap, holm, permutation_test
from segkit.experiments.columns import Cell, cells
from segkit.experiments.records import Record

Row = dict[str, Any]
"""One line of a results table; the keys are listed at `table_rows`."""


def table_rows(
    records: Iterable[Record],
    *,
    metric: str | None = None,
    baseline: str | None = None,
    structure: str | None = None,
) -> list[Row]:
    """Summarise run records, one row per data set, setting, arm and metric.

    Args:
        records: finished runs, of one experiment or of several.
        metric: the one to tabulate; None for every metric that was recorded.
        baseline: the arm to compare with; None for that of the plan.
        structure: the class to tabulate; None for the mean over classes.

    Returns:
        Rows with these keys, numbers rounded to 5 significant digits, None where a number does not exist:

        - `dataset`, `labelled` (patients; None for all), `arm`, `metric`;
        - `mean`, `low`, `high`: over draws and cases, 95 % hierarchical bootstrap; `seeds` draws ×
        `cases` cases; - `baseline`, `difference`, `diff_low`, `diff_high`: paired by draw and case; None
        for the baseline itself; - `p`: exact sign-flip test over the common draws; `p_holm`: adjusted for
        the arms of the block; - `minimum`, `maximum`: of the means of single draws, because failures come
        in draws; - `undefined`, `missed`, `spurious`: counts over draws, cases and structures; - `unit`,
        `structure`, `experiment`, `part`, and `setting`, what varies besides the labels.

    Raises:
        ConfigError: an unknown metric, structure or baseline.
        DataError: no records, or arms that were tested on different cases.
    """
    rows = []
    for cell in cells(records):
        reference = cell.baseline if baseline is None else baseline
        if reference not in cell.runs and baseline is not None:
            raise unknown_name(f"arm of {cell.experiment}", reference, cell.runs)
        evaluation = next(iter(next(iter(cell.runs.values())).values()))["evaluation"]
        for name in [metric] if metric else evaluation["metrics"]:
            block = [_row(cell, arm, name, reference, structure) for arm in cell.runs]
            _adjust(block)
            rows += block
    return rows


def _row(cell: Cell, arm: str, metric: str, baseline: str, structure: str | None) -> Row:
    values = cell.values(arm, metric, structure=structure)
    interval = hierarchical_bootstrap(values)
    per_draw = np.nanmean(values, axis=1)
    row: Row = {
        "dataset": cell.dataset,
        "labelled": cell.setting.get("n_labelled"),
        "arm": arm,
        "metric": metric,
        "mean": rounded(interval.mean),
        "low": rounded(interval.low),
        "high": rounded(interval.high),
        "seeds": interval.draws,
        "cases": interval.cases,
        **_comparison(cell, arm, metric, baseline, structure),
        "p_holm": None,
        "minimum": rounded(per_draw.min()),
        "maximum": rounded(per_draw.max()),
        **_counts(cell, arm, metric, structure),
        "structure": structure,
        "experiment": cell.experiment,
        "part": cell.part,
        "setting": {key: value for key, value in cell.setting.items() if key != "n_labelled"},
    }
    return row


def _comparison(cell: Cell, arm: str, metric: str, baseline: str, structure: str | None) -> Row:
    draws = [] if arm == baseline else cell.common_draws(arm, baseline)
    if not draws:
        nothing = dict.fromkeys(("difference", "diff_low", "diff_high", "p"))
        return {"baseline": None if arm == baseline else baseline, **nothing}
    ours, theirs = (cell.values(a, metric, draws=draws, structure=structure) for a in (arm, baseline))
    interval = hierarchical_bootstrap(ours, baseline=theirs)
    differences = cell.differences(arm, baseline, metric, structure=structure)
    return {
        "baseline": baseline,
        "difference": rounded(interval.mean),
        "diff_low": rounded(interval.low),
        "diff_high": rounded(interval.high),
        "p": rounded(permutation_test(differences)) if len(draws) > 1 else None,
    }


def _adjust(block: list[Row]) -> None:
    """Fill in `p_holm` over the arms that are compared with the baseline."""
    tested = [row for row in block if row["p"] is not None]
    for row, adjusted in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = rounded(adjusted)


def _counts(cell: Cell, arm: str, metric: str, structure: str | None) -> Row:
    runs = [run["evaluation"] for run in cell.runs[arm].values()]
    wanted = [i for i, name in enumerate(runs[0]["classes"]) if structure in (None, name)]
    undefined = sum(row[i] is None for run in runs for row in run["metrics"][metric] for i in wanted)
    by_status = {
        status: sum(position[1] in wanted for run in runs for position in run["status"][status])
        for status in ("missed", "spurious")
    }
    return {"undefined": undefined, **by_status, "unit": runs[0]["units"].get(metric, "1")}


def rounded(value: float | None, digits: int = 5) -> float | None:
    """A number with so many significant digits; None for what is not finite, which JSON cannot hold.

    Example:
        >>> rounded(0.123456789), rounded(float("nan"))
        (0.12346, None)
    """
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
