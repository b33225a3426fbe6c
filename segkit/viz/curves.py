"""Learning curves over draws: every run as a thin line, their mean, and how sure the mean is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from segkit.errors import DataError
from segkit.viz.look import INK, LINE_COLOURS, LINE_STYLES, figure, style


def mean_interval(draws: ArrayLike, *, level: float = 0.95) -> tuple[NDArray, NDArray, NDArray]:
    """Mean over draws with Student's t interval at each point.

    Args:
        draws: `(draws, points)`; NaN where a run has no value.
        level: coverage of the interval.

    Returns:
        Mean, low and high, each `(points,)`. The interval is NaN where fewer than two draws have a value: one
        run tells nothing about the next.
    """
    values = np.atleast_2d(np.asarray(draws, dtype=float))
    n = np.isfinite(values).sum(0)
    safe = np.where(np.isfinite(values), values, 0.0)
    mean = safe.sum(0) / np.where(n, n, np.nan)
    squares = (np.where(np.isfinite(values), values - mean, 0.0) ** 2).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        half = stats.t.ppf((1 + level) / 2, np.where(n > 1, n - 1, np.nan)) * np.sqrt(squares / (n - 1) / n)
    return mean, mean - half, mean + half


def learning_curves(
    curves: Mapping[str, ArrayLike],
    *,
    x: ArrayLike | None = None,
    xlabel: str = "iteration",
    ylabel: str = "loss",
    level: float = 0.95,
    runs: bool = True,
    ax: Axes | None = None,
    **line: Any,
) -> Axes:
    """Draw one curve per arm.

    Args:
        curves: arm → values of shape `(draws, points)` or `(points,)`.
        x: positions of the points, `(points,)`; by default 1, 2, ….
        xlabel: what `x` is.
        ylabel: what the values are.
        level: coverage of the band around the mean.
        runs: whether every draw is shown as a thin line.
        ax: where to draw; by default a new figure.
        **line: passed on to the mean's `Axes.plot`.

    Returns:
        The axes.

    Raises:
        DataError: where the points of an arm do not fit `x`.

    Example:
        >>> ax = learning_curves({"cross-entropy": [[1.0, 0.5], [0.9, 0.6]]})
        >>> ax.get_legend_handles_labels()[1]
        ['cross-entropy']
    """
    ax = figure()[1][0, 0] if ax is None else ax
    with style():
        for i, (arm, values) in enumerate(curves.items()):
            draws = np.atleast_2d(np.asarray(values, dtype=float))
            points = np.arange(1, draws.shape[1] + 1) if x is None else np.asarray(x, dtype=float)
            if draws.ndim != 2 or len(points) != draws.shape[1]:
                raise DataError(f"arm {arm!r} has values of shape {draws.shape}; give (draws, {len(points)})")
            colour = LINE_COLOURS[i % len(LINE_COLOURS)]
            mean, low, high = mean_interval(draws, level=level)
            if runs and len(draws) > 1:
                ax.plot(points, draws.T, color=colour, linewidth=0.7, alpha=0.45, linestyle="-")
            if np.isfinite(low).any():
                ax.fill_between(points, low, high, color=colour, alpha=0.18, linewidth=0)
            options = {"color": colour, "linestyle": LINE_STYLES[i % len(LINE_STYLES)], "label": arm, **line}
            ax.plot(points, mean, **options)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        ax.grid(axis="y")
        if len(curves) > 1:
            ax.legend(handlelength=2.6, labelcolor=INK)
    return ax
