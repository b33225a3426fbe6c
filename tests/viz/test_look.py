from __future__ import annotations

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from skimage.color import rgb2lab

from segkit.errors import ConfigError
from segkit.viz import CARD, CONTOUR_COLOURS, INK, LINE_COLOURS, WIDTHS, figure, style, use_style
from segkit.viz.errors import FALSE_NEGATIVE, FALSE_POSITIVE, TRUTH, WRONG_CLASS
from segkit.viz.look import QUIET

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SIGHT = {
    "full": np.eye(3),
    "deuteranopia": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    dark, light = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (light + 0.05) / (dark + 0.05)


def seen(colour: str, sight: str) -> np.ndarray:
    rgb = np.clip(np.asarray(SIGHT[sight]) @ linear(colour), 0, 1)
    return rgb2lab(np.where(rgb <= 0.0031308, rgb * 12.92, 1.055 * rgb ** (1 / 2.4) - 0.055))


def test_text_and_lines_stand_out_from_the_card():
    assert contrast(INK, CARD) >= 7
    assert contrast(QUIET, CARD) >= 4.5
    assert min(contrast(colour, CARD) for colour in LINE_COLOURS) >= 3


def test_no_ink_would_do_on_both_grounds():
    """The reason for the card: the best grey stays below 4.5 : 1 on white and on the book's dark ground."""
    greys = (f"#{g:02x}{g:02x}{g:02x}" for g in range(256))
    assert max(min(contrast(grey, "#ffffff"), contrast(grey, "#121212")) for grey in greys) < 4.5


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(
    "colours",
    [LINE_COLOURS, CONTOUR_COLOURS, (FALSE_POSITIVE, FALSE_NEGATIVE, WRONG_CLASS, TRUTH)],
    ids=["lines", "contours", "errors"],
)
def test_colours_differ_for_every_kind_of_sight(colours, sight):
    assert min(np.linalg.norm(seen(a, sight) - seen(b, sight)) for a, b in combinations(colours, 2)) >= 15


def test_the_measure_would_catch_a_bad_palette():
    assert np.linalg.norm(seen("#c44e00", "protanopia") - seen("#8a6a00", "protanopia")) < 15


def test_style_ends_with_its_block():
    before = mpl.rcParams["axes.labelcolor"]
    with style():
        assert mpl.rcParams["axes.labelcolor"] == INK
        fonts = [mpl.rcParams[key] for key in ("font.size", "xtick.labelsize", "legend.fontsize")]
    assert mpl.rcParams["axes.labelcolor"] == before
    assert min(fonts) >= 9


def test_use_style_stays():
    with mpl.rc_context():
        use_style()
        assert mpl.rcParams["figure.facecolor"] == CARD


@pytest.mark.parametrize("width", WIDTHS)
def test_a_figure_is_as_wide_as_named_and_opaque(width):
    fig, axes = figure(2, 3, width=width)
    assert fig.get_figwidth() == WIDTHS[width]
    assert axes.shape == (2, 3)
    assert fig.get_facecolor()[3] == 1


def test_unknown_width_gets_a_suggestion():
    with pytest.raises(ConfigError, match="did you mean 'page'"):
        figure(width="pages")
