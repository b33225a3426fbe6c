"""Where a prediction errs: voxels too many, voxels missed, voxels of the wrong class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from segkit.data.case import Case
from segkit.errors import DataError
from segkit.viz.annotations import (
    draw_letters,
    draw_pixels,
    draw_scale_bar,
    legend_below,
    legend_entry,
    outline,
)
from segkit.viz.look import figure, style
from segkit.viz.plane import fullest_slice, make_plane, to_array

FALSE_POSITIVE = "#e69f00"
FALSE_NEGATIVE = "#56b4e9"
WRONG_CLASS = "#c879ff"
TRUTH = "#ffffff"


def error_kinds(prediction: NDArray, truth: NDArray) -> NDArray[np.uint8]:
    """0 where nothing is wrong or the truth is unknown (−1), 1 false positive, 2 missed, 3 wrong class.

    Example:
        >>> error_kinds(np.array([0, 1, 0, 2, 1]), np.array([0, 0, 1, 1, -1])).tolist()
        [0, 1, 2, 3, 0]
    """
    wrong = (prediction != truth) & (truth >= 0)
    kind = np.where(truth == 0, 1, np.where(prediction == 0, 2, 3))
    return np.where(wrong, kind, 0).astype(np.uint8)


def error_overlay(
    image: Case | ArrayLike,
    prediction: ArrayLike,
    truth: ArrayLike | None = None,
    *,
    axis: int = -1,
    index: int | None = None,
    window: tuple[float, float] | None = None,
    channel: int = 0,
    spacing_mm: Sequence[float] | None = None,
    affine: ArrayLike | None = None,
    scale_bar_mm: float | None = None,
    letters: bool = True,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a slice, fill the voxels where the prediction errs, and outline the truth.

    Args:
        image: a `Case`, or an array `(*S)`.
        prediction: predicted labels `(*S)`.
        truth: true labels `(*S)`, −1 where unknown; by default those of the case.
        axis, index, window, channel, spacing_mm, affine, scale_bar_mm, letters, legend, ax: as in
            `show_slice`; by default the slice with the most truth.

    Returns:
        The axes.

    Raises:
        DataError: where there is no truth, or shapes differ.
    """
    if truth is None:
        truth = image.label if isinstance(image, Case) else None
    if truth is None:
        raise DataError("error_overlay needs the truth: pass `truth`, or a case with a label")
    true = to_array(truth)
    if index is None and true.ndim == 3:
        index = fullest_slice(true, axis=axis)
    plane = make_plane(
        image, axis=axis, index=index, channel=channel, window=window, spacing_mm=spacing_mm, affine=affine
    )
    right = plane.cut(true)
    kinds = error_kinds(plane.cut(prediction), right)
    ax = figure(width="half", height=3.6)[1][0, 0] if ax is None else ax
    colours = {"too much": FALSE_POSITIVE, "missed": FALSE_NEGATIVE}
    if max(to_array(prediction).max(), true.max()) > 1:
        colours["wrong class"] = WRONG_CLASS
    with style():
        draw_pixels(ax, plane)
        paint = np.zeros((*kinds.shape, 4))
        for kind, colour in enumerate(colours.values(), start=1):
            paint[kinds == kind] = to_rgba(colour, 0.6)
        ax.imshow(paint, extent=plane.extent, interpolation="nearest")
        for value in range(1, int(right.max(initial=0)) + 1):
            outline(ax, plane, right == value, colour=TRUTH, width=1.1)
        draw_scale_bar(ax, plane, scale_bar_mm)
        if letters:
            draw_letters(ax, plane)
        if legend:
            entries: list[Any] = [Patch(facecolor=colour, label=name) for name, colour in colours.items()]
            legend_below(ax, [*entries, legend_entry("truth", TRUTH)])
    return ax
