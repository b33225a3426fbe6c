"""The evidence as a figure: each draw, the mean, and its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from segkit.errors import ConfigError
from segkit.evaluate.statistics import hierarchical_bootstrap
from segkit.experiments.columns import Cell, cells, metric_words
from segkit.experiments.records import Record
from segkit.viz import dot_interval, figure, learning_curves


def plot(
    records: Iterable[Record],
    *,
    metric: str = "dice",
    baseline: str | None = None,
    structure: str | None = None,
    names: Mapping[str, str] | None = None,
) -> Figure:
    """Draw run records: scores beside paired differences, or curves over the setting that varies.

    With one setting, every arm is a line of dots (its draws) with mean and interval, and a second panel
    holds the paired differences to the baseline. With several, which differ in one number (`n_labelled`,
    `updates`), every arm is a curve over it.

    Args:
        records: finished runs of one experiment.
        metric: what is drawn.
        baseline: the arm to compare with; None for that of the plan.
        structure: one class, or None for the mean over classes.
        names: arm → how the page calls it.

    Raises:
        ConfigError: the settings differ in more than one number, or in something else than numbers.
    """
    blocks = cells(records)
    any_run = next(run for runs in blocks[0].runs.values() for run in runs.values())
    label = metric_words(metric, any_run["evaluation"]["units"].get(metric, "1"))
    label = f"{label}, {structure}" if structure else label
    called = dict(names or {})
    if len(blocks) > 1:
        return _curves(blocks, metric, label, structure, called)
    (cell,) = blocks
    reference = cell.baseline if baseline is None else baseline
    scores = [_line(called.get(arm, arm), cell.values(arm, metric, structure=structure)) for arm in cell.runs]
    compared = {
        arm: draws for arm in cell.runs if arm != reference and (draws := cell.common_draws(arm, reference))
    }
    panels = 2 if compared else 1
    fig, axes = figure(1, panels, width="page", height=0.9 + 0.36 * len(scores))
    dot_interval(scores, xlabel=label, ax=axes[0, 0])
    if compared:
        gains = [
            _gain(cell, arm, reference, draws, metric, structure, called) for arm, draws in compared.items()
        ]
        name = called.get(reference, reference)
        dot_interval(gains, reference=0.0, xlabel=f"difference to {name}", ax=axes[0, 1])
    return fig


def _line(name: str, values: np.ndarray, baseline: np.ndarray | None = None) -> dict[str, Any]:
    interval = hierarchical_bootstrap(values, baseline=baseline)
    per_draw = np.nanmean(values if baseline is None else values - baseline, axis=1)
    return {"arm": name, "mean": interval.mean, "low": interval.low, "high": interval.high, "draws": per_draw}


def _gain(
    cell: Cell,
    arm: str,
    baseline: str,
    draws: Sequence[int],
    metric: str,
    structure: str | None,
    names: Mapping[str, str],
) -> dict[str, Any]:
    ours, theirs = (cell.values(a, metric, draws=draws, structure=structure) for a in (arm, baseline))
    return _line(names.get(arm, arm), ours, theirs)


def _curves(
    blocks: Sequence[Cell], metric: str, label: str, structure: str | None, names: Mapping[str, str]
) -> Figure:
    key = _varying_number(blocks)
    ordered = sorted(blocks, key=lambda cell: cell.setting[key])
    x = [cell.setting[key] for cell in ordered]
    curves = {}
    for arm in dict.fromkeys(arm for cell in ordered for arm in cell.runs):
        draws = sorted({draw for cell in ordered for draw in cell.runs.get(arm, {})})
        points = np.full((len(draws), len(x)), np.nan)
        for column, cell in enumerate(ordered):
            for row, draw in enumerate(draws):
                if draw in cell.runs.get(arm, {}):
                    points[row, column] = np.nanmean(
                        cell.values(arm, metric, draws=[draw], structure=structure)
                    )
        curves[names.get(arm, arm)] = points
    fig, axes = figure(width="page")
    xlabel = key.replace("n_labelled", "labelled patients")
    ax = learning_curves(curves, x=x, xlabel=xlabel, ylabel=label, ax=axes[0, 0])
    if max(x) / min(x) >= 8:
        ax.set_xscale("log", base=2)
        ax.set_xticks(x, [f"{value:g}" for value in x])
    return fig


def _varying_number(blocks: Sequence[Cell]) -> str:
    """The one setting in which blocks of an experiment differ."""
    first = blocks[0]
    keys = {key for cell in blocks for key in first.setting.keys() | cell.setting.keys()
            if cell.setting.get(key) != first.setting.get(key)}  # fmt: skip
    alike = len({(cell.experiment, cell.dataset, cell.part) for cell in blocks}) == 1
    numbers = all(isinstance(cell.setting.get(key), int | float) for cell in blocks for key in keys)
    if not alike or len(keys) != 1 or not numbers:
        raise ConfigError(
            "a plot needs records of one experiment whose settings differ in one number at most, "
            f"not in {', '.join(sorted(keys)) or 'data set, part or experiment'}: choose some of them first"
        )
    return keys.pop()
