"""One slice with its contours, in its true proportions, with a scale bar and the sides of the patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from segkit.data.case import Case
from segkit.viz.annotations import draw_contours, draw_letters, draw_pixels, draw_scale_bar, legend_below
from segkit.viz.look import figure, style
from segkit.viz.plane import make_plane


def show_slice(
    image: Case | ArrayLike,
    *,
    axis: int = -1,
    index: int | None = None,
    labels: ArrayLike | Literal["own"] | None = "own",
    classes: Sequence[str] | None = None,
    window: tuple[float, float] | None = None,
    channel: int = 0,
    spacing_mm: Sequence[float] | None = None,
    affine: ArrayLike | None = None,
    scale_bar_mm: float | None = None,
    letters: bool = True,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw one slice with the outline of every class.

    Args:
        image: a `Case`, or an array `(*S)` of two or three axes.
        axis: the axis that is cut across; ignored for a 2-D image.
        index: position along `axis`; by default the slice with the most labelled voxels, else the middle.
        labels: label map `(*S)` to outline; "own" takes that of the case, None draws none.
        classes: names of the label values, background first; by default those of the case.
        window: intensities drawn black and white; by default percentiles of the whole image.
        channel: channel of the case that is drawn.
        spacing_mm: voxel size along each axis, for an array; without it lengths are in pixels.
        affine: `(4, 4)` voxel → mm in RAS+, for an array; without it the slice hangs as it is stored.
        scale_bar_mm: length of the scale bar (in pixels where there is no spacing); 0 draws none.
        letters: whether the sides of the patient stand at the edges.
        legend: whether the class names stand under the slice.
        ax: where to draw; by default a new figure.

    Returns:
        The axes, whose units are mm (or pixels) from the upper left corner.

    Raises:
        DataError: for labels of another shape, or a slice that does not exist.
    """
    plane = make_plane(
        image,
        axis=axis,
        index=index,
        channel=channel,
        window=window,
        spacing_mm=spacing_mm,
        affine=affine,
    )
    if isinstance(labels, str):
        labels = image.label if isinstance(image, Case) else None
    if classes is None and isinstance(image, Case):
        classes = image.classes
    ax = figure(width="half", height=3.6)[1][0, 0] if ax is None else ax
    with style():
        draw_pixels(ax, plane)
        handles = draw_contours(ax, plane, labels, classes) if labels is not None else []
        draw_scale_bar(ax, plane, scale_bar_mm)
        if letters:
            draw_letters(ax, plane)
        if legend and handles:
            legend_below(ax, handles)
    return ax
