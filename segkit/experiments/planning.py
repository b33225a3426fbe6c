"""How many draws a difference needs, judged by the draws that are finished."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from segkit.errors import ConfigError
from segkit.evaluate.statistics import draws_needed
from segkit.experiments.columns import cells
from segkit.experiments.records import Record
from segkit.experiments.tables import rounded


def power(
    records: Iterable[Record],
    *,
    metric: str = "dice",
    baseline: str | None = None,
    effect: float = 0.01,
    structure: str | None = None,
) -> list[dict[str, Any]]:
    """Draws with which an exact test would find a difference, with 80 % power at the 5 % level.

    Args:
        records: finished runs; an arm needs two draws in common with its baseline.
        metric: whose differences are meant.
        baseline: the arm to compare with; None for that of the plan.
        effect: the smallest difference that matters, in the unit of the metric: one Dice point by default.
        structure: one class, or None for the mean over classes.

    Returns:
        One row per compared arm: `experiment`, `dataset`, `labelled`, `setting`, `arm`, `baseline`,
        `metric`, the finished `draws`, the observed `difference` and its `sd` between draws, `effect`,
        and the draws in all that `effect` needs (`needed`; `needed_careful` plans with the upper 80 %
        limit of the spread) and that the observed difference needs (`needed_observed`). None stands for
        more than a million, or for no difference.
    """
    rows = []
    for cell in cells(records):
        reference = cell.baseline if baseline is None else baseline
        for arm in cell.runs:
            differences = cell.differences(arm, reference, metric, structure=structure)
            if arm == reference or differences.size < 2:
                continue
            observed = float(differences.mean())
            rows.append(
                {
                    "experiment": cell.experiment,
                    "dataset": cell.dataset,
                    "labelled": cell.setting.get("n_labelled"),
                    "setting": {key: value for key, value in cell.setting.items() if key != "n_labelled"},
                    "arm": arm,
                    "baseline": reference,
                    "metric": metric,
                    "draws": differences.size,
                    "difference": rounded(observed),
                    "sd": rounded(float(np.std(differences, ddof=1))),
                    "effect": effect,
                    "needed": _needed(differences, effect),
                    "needed_careful": _needed(differences, effect, confidence=0.8),
                    "needed_observed": _needed(differences, observed),
                }
            )
    if not rows:
        raise ConfigError("power needs at least two draws that an arm and its baseline have both finished")
    return rows


def _needed(differences: np.ndarray, effect: float, confidence: float | None = None) -> int | None:
    try:
        return draws_needed(differences, effect=effect, confidence=confidence)
    except ConfigError:
        return None
