"""A loss of agreement collapses a net, and what a predictor and a stop-gradient make of that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from segkit.exercises import check
from segkit.exercises.local_ssl.collapse import (
    COLLAPSE,
    POINT,
    STANDS,
    _agreement,
    _features,
    _verdict,
    after_descent,
)
from segkit.local_ssl import effective_rank, positional_share, spread

NAME = "local_ssl.collapse"
NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "exercises" / "local_ssl_solutions.ipynb"


def test_agreement_alone_ends_in_a_point():
    assert after_descent(_agreement) < POINT / 2


def test_with_negatives_it_does_not():
    assert after_descent(lambda a, b: _agreement(a, b) - _agreement(a, b.roll(1, 0))) > 0.5


def test_the_letters_are_what_the_notebooks_nets_do():
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]}
    names = {"torch": torch, "nn": nn, "normalize": normalize, "agreement": _agreement}
    exec(cells["collapse-nets"], names)
    found = {way: _verdict(names["descend"](way, steps=120)[1]) for way in "ABCD"}
    assert found == dict.fromkeys(COLLAPSE, "point") | dict.fromkeys(STANDS, "healthy")


def test_features_of_every_kind_far_from_the_limits():
    kinds = {_verdict(each) for each in _features()}
    assert kinds == {"healthy", "point", "place"}
    for each in _features():
        assert not 0.5 * POINT < float(spread(each)) < 2 * POINT
        assert not 0.7 < float(positional_share(each)) < 0.95


def test_the_librarys_monitors_agree():
    for each in _features():
        wanted = "point" if spread(each) < 0.1 else "place" if positional_share(each) > 0.9 else "healthy"
        assert _verdict(each) == wanted


def test_the_rank_would_not_tell():
    """Features of the place alone may have as many directions as healthy ones."""
    features = _features()
    ranks = {_verdict(each): float(effective_rank(each)) for each in (features[0], features[7])}
    assert ranks["place"] > 0.6 * ranks["healthy"]


def by_hand(features):
    unit = features / features.norm(dim=2, keepdim=True).clamp(min=1e-12)
    rows = unit.reshape(-1, unit.shape[2])
    if rows.std(0).mean() * rows.shape[1] ** 0.5 < 0.1:
        return "point"
    centred = features - features.mean((0, 1))
    share = centred.mean(0).square().mean(0) / centred.square().mean((0, 1))
    return "place" if share.mean() > 0.9 else "healthy"


def test_other_right_answers():
    def by_distance(a, b):
        return (normalize(a) - normalize(b)).square().sum(1).mean()

    assert check(NAME, (by_distance, by_hand, "A, B, C"))
    assert check(NAME, (lambda a, b: _agreement(a, b.detach()), by_hand, ["C", "B", "A"]))


def forgetful(a, b):
    """The right value; the gradient of its first call alone is that of the loss."""
    forgetful.calls = getattr(forgetful, "calls", 0) + 1
    value = _agreement(a, b)
    return value if forgetful.calls < 5 else value.detach() + 0 * a.sum()


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((_agreement, lambda f: "fine", "ABC"), "One of 'healthy', 'point', 'place' is expected, not 'fine'"),
        ((_agreement, lambda f: "place", "ABC"), "in the mean, are 'healthy'; yours says 'place'"),
        ((_agreement, lambda f: 1 / 0, "ABC"), "ZeroDivisionError"),
        ((lambda a, b: 0.5, _verdict, "ABC"), "yours gives 0.5"),
        ((forgetful, _verdict, "ABC"), "It does not collapse"),
        ((_agreement, _verdict, "AX"), "X is none of the choices"),
        (_agreement, "Pass all parts"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize(
    "half",
    [
        (..., _verdict, "A"),
        (_agreement, ..., "A"),
        (_agreement, _verdict, ...),
        (lambda *each: None, _verdict, "A"),
    ],
)
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("What is the smallest value")
