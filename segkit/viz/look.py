"""The look of every figure: one card, two palettes, three widths.

No ink reaches a contrast of 4.5 : 1 on white and on the book's dark ground at once (the best grey has 4.3),
so every figure lies on an opaque card of its own and looks the same on both. Colours differ by at least 15
CIELAB units under the three kinds of colour blindness, mostly by lightness; line styles repeat it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure

from segkit.errors import unknown_name

CARD = "#f2f1ed"
"""Ground of every figure and slider."""

INK = "#1f1f1f"
"""Text and axes: 14.6 : 1 on the card."""

QUIET = "#5a5a5a"
"""Secondary text: 6.1 : 1 on the card."""

LINE_COLOURS = ("#1b6fb3", "#d55e00", "#4a1d52", "#3d9a6d", "#c0689a", "#1f3b2e")
"""Lines and dots on the card, each at least 3 : 1 against it."""

LINE_STYLES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1)), (0, (8, 2)))
"""The second sign of a line, for those who cannot tell the colours apart."""

CONTOUR_COLOURS = ("#e69f00", "#56b4e9", "#f4f5b0", "#5fa55a", "#8f80ff", "#45f0dd", "#d0709f")
"""Contours on an image, class 1 first; each is drawn with a dark halo, so it shows on bright tissue too."""

WIDTHS = {"half": 3.6, "column": 5.2, "page": 7.2}
"""Widths in inches. A page shows a figure at its natural size, so that 9 pt here are 9 pt there."""


def _rc() -> Any:  # Matplotlib types its keys one by one
    return {
        "figure.facecolor": CARD,
        "figure.edgecolor": CARD,
        "figure.figsize": (WIDTHS["column"], 3.2),
        "figure.dpi": 120,
        "figure.constrained_layout.use": True,
        "savefig.facecolor": "auto",
        "savefig.dpi": "figure",
        "axes.facecolor": CARD,
        "axes.edgecolor": QUIET,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.labelsize": 10,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=LINE_COLOURS) + cycler(linestyle=LINE_STYLES),
        "axes.axisbelow": True,
        "grid.color": "#d6d4cd",
        "grid.linewidth": 0.8,
        "text.color": INK,
        "font.family": "DejaVu Sans",  # ships with Matplotlib: the same letters on every machine
        "font.size": 9.5,
        "xtick.color": QUIET,
        "ytick.color": QUIET,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "image.cmap": "gray",
        "image.interpolation": "nearest",  # a voxel is shown as the box that it is
        "svg.hashsalt": "segkit",  # the same figure is the same file
    }


@contextmanager
def style() -> Iterator[None]:
    """Everything drawn inside follows the book's look; the reader's own settings return afterwards.

    Example:
        >>> with style():
        ...     mpl.rcParams["axes.labelcolor"] == INK
        True
    """
    with mpl.rc_context(_rc()):
        yield


def use_style() -> None:
    """Give a whole notebook the book's look, and draw its figures as SVG: sharp, at their natural size."""
    mpl.rcParams.update(_rc())
    if "inline" in mpl.get_backend():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


def figure(
    rows: int = 1,
    columns: int = 1,
    *,
    width: Literal["half", "column", "page"] = "column",
    height: float | None = None,
    **options: Any,
) -> tuple[Figure, np.ndarray]:
    """A figure in the book's look.

    Args:
        rows: rows of axes.
        columns: columns of axes.
        width: a key of `WIDTHS`.
        height: in inches; by default each axes is 0.62 times as high as wide.
        **options: passed on to `matplotlib.pyplot.subplots` (`sharey`, `width_ratios`, …).

    Returns:
        The figure and its axes, always an array of shape `(rows, columns)`.

    Raises:
        ConfigError: for a width that does not exist.
    """
    if width not in WIDTHS:
        raise unknown_name("figure width", width, WIDTHS)
    inches = WIDTHS[width]
    with style():
        fig, axes = plt.subplots(
            rows,
            columns,
            figsize=(inches, height or 0.62 * inches / columns * rows),
            squeeze=False,
            **options,
        )
    return fig, axes
