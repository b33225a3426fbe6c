"""The parts of a drawn slice: pixels, outlines, scale bar, letters, legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from segkit.viz.look import CONTOUR_COLOURS, INK
from segkit.viz.plane import Plane

_HALO = withStroke(linewidth=3.0, foreground=(0, 0, 0, 0.7))
_NICE = np.array([1, 2, 5])
_WHITE: dict[str, Any] = {
    "color": "white",
    "fontsize": 9,
    "path_effects": [withStroke(linewidth=2.2, foreground=(0, 0, 0, 0.8))],
}


def contour_colour(value: int) -> str:
    """Colour of label `value` in every figure of the book.

    Example:
        >>> contour_colour(1), contour_colour(1 + len(CONTOUR_COLOURS)) == contour_colour(1)
        ('#e69f00', True)
    """
    return CONTOUR_COLOURS[(value - 1) % len(CONTOUR_COLOURS)]


def draw_pixels(ax: Axes, plane: Plane) -> None:
    """The intensities, with one unit of the axes equal to one mm (or pixel) in both directions."""
    low, high = plane.window
    ax.imshow(plane.pixels, extent=plane.extent, vmin=low, vmax=high, cmap="gray", interpolation="nearest")
    ax.set_aspect("equal")
    ax.set_axis_off()


def outline(
    ax: Axes, plane: Plane, mask: NDArray, *, colour: str, linestyle: Any = "-", width: float = 1.5
) -> None:
    """The border of a mask that is turned as the plane is; nothing where the mask is empty."""
    if not mask.any():
        return
    height, wide = plane.pixel_size
    rows, columns = mask.shape
    # One voxel of padding closes the outline of a structure that the border of the image cuts.
    x = (np.arange(-1, columns + 1) + 0.5) * wide
    y = (np.arange(-1, rows + 1) + 0.5) * height
    lines = ax.contour(
        x,
        y,
        np.pad(mask, 1).astype(float),
        levels=[0.5],
        colors=[colour],
        linewidths=width,
        linestyles=[linestyle],
    )
    lines.set_path_effects([_HALO])
    left, right, bottom, top = plane.extent
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)


def draw_contours(
    ax: Axes, plane: Plane, labels: ArrayLike, classes: Sequence[str] | None, *, linestyle: Any = "-"
) -> list[Line2D]:
    """The outline of every class that the slice shows, and a legend entry for each class that exists."""
    cut = plane.cut(labels)
    n_classes = len(classes) if classes else int(cut.max(initial=0)) + 1
    handles = []
    for value in range(1, max(n_classes, int(cut.max(initial=0)) + 1)):
        outline(ax, plane, cut == value, colour=contour_colour(value), linestyle=linestyle)
        name = classes[value] if classes and value < len(classes) else f"class {value}"
        handles.append(legend_entry(name, contour_colour(value), linestyle=linestyle))
    return handles


def legend_entry(name: str, colour: str, **options: Any) -> Line2D:
    """A line for a legend, with the halo of the line that it names."""
    return Line2D([], [], color=colour, label=name, path_effects=[_HALO], **options)


def scale_length(extent: float) -> float:
    """The longest of 1, 2, 5, 10, 20, 50, … that takes at most a third of `extent`.

    Example:
        >>> [scale_length(extent) for extent in (35, 100, 400)]
        [10.0, 20.0, 100.0]
    """
    decade = 10.0 ** np.floor(np.log10(extent / 3))
    return float(max(n * decade for n in _NICE if n * decade <= extent / 3 * (1 + 1e-9)))


def draw_scale_bar(ax: Axes, plane: Plane, length: float | None) -> None:
    """A white bar in the lower right corner; `length` None chooses a round one, 0 draws none."""
    left, right, bottom, _ = plane.extent
    length = scale_length(right - left) if length is None else length
    if not length:
        return
    margin = 0.04 * (right - left)
    y = bottom - margin
    ends = [right - margin - length, right - margin]
    ax.plot(
        ends, [y, y], color="white", linewidth=2.2, linestyle="-", solid_capstyle="butt", path_effects=[_HALO]
    )
    ax.annotate(
        f"{length:g} {plane.unit}",
        (float(np.mean(ends)), y),
        (0, 3),
        textcoords="offset points",
        ha="center",
        **_WHITE,
    )


def draw_letters(ax: Axes, plane: Plane) -> None:
    """R, L, A, P, S or I at the middle of each edge, where the image knows its directions."""
    places = (
        (0.015, 0.5, "left", "center"),
        (0.985, 0.5, "right", "center"),
        (0.5, 0.985, "center", "top"),
        (0.5, 0.015, "center", "bottom"),
    )
    for letter, (x, y, ha, va) in zip(plane.view.edges, places, strict=True):
        if letter:
            ax.text(x, y, letter, transform=ax.transAxes, ha=ha, va=va, **_WHITE)


def legend_below(ax: Axes, handles: Sequence[Line2D]) -> None:
    """Names of the outlines under the picture, where they hide nothing of it."""
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=2 if len(handles) == 4 else min(len(handles), 3),
        labelcolor=INK,
        handlelength=1.4,
        columnspacing=1.2,
    )
