"""Several slices side by side, comparable because a row shares one window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from segkit.data.case import Case
from segkit.errors import DataError
from segkit.viz.annotations import contour_colour, legend_entry
from segkit.viz.look import INK, WIDTHS, figure, style
from segkit.viz.plane import default_window, make_plane
from segkit.viz.slices import show_slice


def grid(
    cases: Sequence[Case] | Sequence[Sequence[Case]],
    *,
    columns: int = 4,
    labels: Sequence[ArrayLike | None] | Literal["own"] | None = "own",
    titles: Sequence[str] | None = None,
    window: tuple[float, float] | Literal["row", "each"] = "row",
    channel: int = 0,
    legend: bool = True,
    **options: Any,
) -> Figure:
    """Slices of several cases; all pictures of a row have the same window.

    Args:
        cases: a list that is broken into rows, or a list of rows.
        columns: pictures in a row, where `cases` is one list.
        labels: "own" outlines the label of each case, None nothing; or one label map per case.
        titles: one above each picture, in reading order.
        window: intensities drawn black and white; "row" takes the widest percentiles of a row, "each" those
            of each case, for raw MRI, whose units differ from scan to scan.
        channel: channel that is drawn.
        legend: whether one legend stands under all pictures.
        **options: passed on to `show_slice` (`axis`, `index`, `letters`, `scale_bar_mm`, …).

    Raises:
        DataError: where there is nothing to draw, or the titles or labels are not one per case.
    """
    rows = _rows(cases, columns)
    flat = [case for row in rows for case in row]
    if not flat:
        raise DataError("grid needs at least one case")
    for what, given in (("titles", titles), ("labels", None if isinstance(labels, str) else labels)):
        if given is not None and len(given) != len(flat):
            raise DataError(f"grid got {len(flat)} cases but {len(given)} {what}; give one per case")
    names = max((case.classes for case in flat), key=len)
    legend = legend and labels is not None and len(names) > 1
    fig, axes = _layout(rows, titles=titles is not None, legend=legend, options=options)
    with style():
        i = 0
        for row_of_axes, row in zip(axes, rows, strict=True):
            shared = _window(row, window, channel)
            for ax, case in zip(row_of_axes, row, strict=False):
                own = labels if labels is None or isinstance(labels, str) else labels[i]
                show_slice(case, labels=own, window=shared, channel=channel, legend=False, ax=ax, **options)
                ax.set_title(titles[i] if titles else "", fontsize=9.5, loc="center")
                i += 1
            for ax in row_of_axes[len(row) :]:
                ax.set_axis_off()
        if legend:
            entries = [legend_entry(name, contour_colour(value)) for value, name in enumerate(names) if value]
            columns = min(len(entries), 4)
            fig.legend(handles=entries, loc="outside lower center", ncols=columns, labelcolor=INK)
    return fig


def _rows(cases: Sequence[Any], columns: int) -> list[list[Case]]:
    if len(cases) and not isinstance(cases[0], Case):
        return [list(row) for row in cases if len(row)]
    return [list(cases[i : i + columns]) for i in range(0, len(cases), columns)]


def _window(
    row: Sequence[Case], window: tuple[float, float] | str, channel: int
) -> tuple[float, float] | None:
    if not isinstance(window, str):
        return window
    if window == "each":
        return None
    lows, highs = np.array([default_window(case.image[channel]) for case in row]).T
    return float(lows.min()), float(highs.max())


def _layout(
    rows: list[list[Case]], *, titles: bool, legend: bool, options: dict[str, Any]
) -> tuple[Figure, np.ndarray]:
    """A figure whose rows are as high as their pictures need."""
    where = {key: options[key] for key in ("axis", "index", "spacing_mm", "affine") if key in options}

    def proportion(case: Case) -> float:
        left, right, bottom, top = make_plane(case, window=(0.0, 1.0), **where).extent
        return (bottom - top) / (right - left)

    heights = [max(map(proportion, row)) for row in rows]
    n_columns = max(map(len, rows))
    inches = sum(heights) * WIDTHS["page"] / n_columns + 0.25 * len(rows) * titles + 0.35 * legend
    return figure(len(rows), n_columns, width="page", height=inches, height_ratios=heights)
