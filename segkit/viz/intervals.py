"""A table as a figure: every draw as a dot, the mean, and its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from segkit.errors import DataError
from segkit.viz.look import INK, LINE_COLOURS, QUIET, figure, style


def dot_interval(
    rows: Sequence[Mapping[str, Any]],
    *,
    label: str = "arm",
    draws: str = "draws",
    reference: float | None = None,
    xlabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw one line of dots per row of a table, first row at the top.

    Args:
        rows: each with the keys `label`, "mean", "low", "high" and, where single draws are known, `draws`.
        label: key of the row's name.
        draws: key of a sequence with one value per draw; a row may lack it.
        reference: value marked by a vertical line: 0 for differences, the baseline's mean for a score.
        xlabel: what the values are, with their unit.
        ax: where to draw; by default a new figure as high as the table needs.

    Returns:
        The axes.

    Raises:
        DataError: for no rows, or a row without a needed key.

    Example:
        >>> rows = [{"arm": "Dice", "mean": 0.86, "low": 0.85, "high": 0.87, "draws": [0.85, 0.86, 0.87]}]
        >>> [text.get_text() for text in dot_interval(rows, xlabel="Dice").get_yticklabels()]
        ['Dice']
    """
    if not rows:
        raise DataError("dot_interval needs at least one row")
    for row in rows:
        lacking = [key for key in (label, "mean", "low", "high") if key not in row]
        if lacking:
            raise DataError(f"a row of the table lacks {', '.join(map(repr, lacking))}; it has {sorted(row)}")
    ax = figure(height=0.7 + 0.36 * len(rows))[1][0, 0] if ax is None else ax
    with style():
        if reference is not None:
            ax.axvline(reference, color=QUIET, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
        for y, row in enumerate(rows):
            values = np.asarray(row.get(draws, ()), dtype=float)
            # Dots below the interval, side by side where they would hide each other.
            ax.plot(
                values,
                y + 0.14 + 0.07 * _layers(values),
                ".",
                color=LINE_COLOURS[0],
                alpha=0.75,
                markersize=5,
                zorder=2,
            )
            ax.plot(
                [row["low"], row["high"]],
                [y, y],
                color=INK,
                linewidth=1.6,
                linestyle="-",
                solid_capstyle="butt",
            )
            ax.plot([row["mean"]], [y], "D", color=INK, markersize=5)
        ax.set_yticks(range(len(rows)), [str(row[label]) for row in rows])
        ax.set_ylim(len(rows) - 0.45, -0.55)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="x")
        ax.set_xlabel(xlabel)
    return ax


def _layers(values: np.ndarray) -> np.ndarray:
    """0, 1 or 2 per value: values closer than 1 % of the spread lie on different layers."""
    layers = np.zeros(len(values))
    order = np.argsort(values)
    for before, this in pairwise(order):
        if values[this] - values[before] <= 0.01 * np.ptp(values):
            layers[this] = (layers[before] + 1) % 3
    return layers
