"""Content or place: the oracle is the mean of drawn features, and the predictions are its minima."""

from __future__ import annotations

import json
from math import cos, pi, sin
from pathlib import Path

import numpy as np
import pytest
import torch

from segkit.exercises import check
from segkit.exercises.local_ssl.position import ALARMS, RIGHT, SETTINGS, _loss
from segkit.local_ssl import effective_rank, positional_share, spread

NAME = "local_ssl.position"
NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "exercises" / "local_ssl_solutions.ipynb"


def test_the_notebook_shows_the_settings_that_are_judged():
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]}
    names = {}
    exec(cells["position-settings"], names)
    assert names["settings"] == SETTINGS


@pytest.mark.parametrize(("phi", "content", "place"), [(0.3, 0.7, 0.2), (1.1, 0.1, 0.9), (0.8, 0.0, 1.0)])
def test_the_oracle_is_the_mean_of_drawn_features(phi, content, place):
    random, shape = np.random.default_rng(0), (60_000, 4)

    def pair(alike):
        first, other = random.normal(size=(2, *shape)) / 2
        return first, alike * first + (1 - alike**2) ** 0.5 * other

    (c, c2), (e, e2) = pair(content), pair(place)
    apart = cos(phi) * (c - c2) + sin(phi) * (e - e2)
    assert _loss(phi, content, place) == pytest.approx(np.square(apart).sum(1).mean(), rel=0.02)


@pytest.mark.parametrize("name", RIGHT)
def test_the_prediction_is_the_minimum(name):
    angles = np.linspace(0, pi / 2, 91)
    losses = [_loss(phi, *SETTINGS[name]) for phi in angles]
    best = int(np.argmin(losses))
    assert (losses[best], sin(angles[best]) ** 2) == pytest.approx(RIGHT[name], abs=1e-9)


def test_the_alarms_are_those_that_ring():
    """Features that are the place alone: the loss, the spread and the rank see nothing."""
    generator = torch.Generator().manual_seed(0)
    content, place = torch.randn(16, 50, 8, generator=generator), torch.randn(1, 50, 8, generator=generator)
    place = place.expand(16, -1, -1) + 1e-3 * content
    assert abs(float(spread(place)) - float(spread(content))) < 0.1
    assert float(effective_rank(place)) > 0.8 * float(effective_rank(content))
    assert float(positional_share(place)) > 0.99 > 0.2 > float(positional_share(content))
    assert set(ALARMS) == {"C", "D", "F"}


def test_other_right_answers():
    predicted = {name: list(each) for name, each in RIGHT.items()}
    assert check(NAME, (lambda phi, c, e: 2 * (1 - c) + 2 * (c - e) * np.sin(phi) ** 2, predicted, "FDC"))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((lambda *each: 0.0, RIGHT, "C"), "yours gives 0"),
        ((_loss, {**RIGHT, "unaligned": (0, 0)}, "C"), "though their anatomy differs"),
        ((_loss, {**RIGHT, "aligned": (2, 1)}, "C"), "it is the largest one"),
        ((_loss, {**RIGHT, "aligned, one box": (0.6, 1)}, "C"), "what does alignment change"),
        ((_loss, {"aligned": (0, 0)}, "C"), "A dictionary with the keys"),
        ((_loss, RIGHT, "CDG"), "G is none of the choices"),
        (_loss, "Pass all parts"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize(
    "half",
    [(..., RIGHT, "C"), (_loss, ..., "C"), (_loss, RIGHT, ...), (_loss, {**RIGHT, "aligned": (..., 0)}, "C")],
)
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("Multiply out")
