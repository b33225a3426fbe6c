"""The chance that two boxes share enough, against boxes that were drawn, and the parent that secures it."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from segkit.exercises import check
from segkit.exercises.local_ssl.overlap import _chance, _parent
from segkit.local_ssl import TwoBoxes, shared_box

NAME = "local_ssl.overlap"


@pytest.mark.parametrize(
    ("sides", "lengths", "share"),
    [([16, 20], [48, 64], 0.3), ([10], [80], 0.6), ([12, 12], [12, 40], 0.25), ([30, 12], [36, 50], 0.5)],
)
def test_the_oracle_is_what_happens(sides, lengths, share):
    random, n = np.random.default_rng(0), 40_000
    corners = random.random((2, n, len(sides))) * (np.array(lengths) - sides)
    shared = np.array(sides) - abs(corners[0] - corners[1])
    drawn = (shared >= share * np.array(sides) - 1e-9).all(1).mean()
    assert _chance(sides, lengths, share) == pytest.approx(drawn, abs=0.01)


@pytest.mark.parametrize(("first", "second", "share"), [(12.0, 10.0, 0.5), (9.0, 14.0, 0.25)])
def test_the_parent_is_the_largest_that_secures_the_share(first, second, share):
    (side,) = _parent([first], [second], share)
    for slack, secured in ((0.0, True), (0.1, False)):
        low = np.array([[0.0, side + slack - second], [side + slack - first, 0.0]])  # at opposite ends
        shared = np.add(low, [first, second]).min(1) - low.max(1)
        assert bool((shared >= share * min(first, second) - 1e-9).all()) == secured


def test_the_librarys_boxes_keep_to_it():
    boxes, random = TwoBoxes((8, 8), scale=(1, 1), overlap=0.5), np.random.default_rng(0)
    parent = _parent([8, 8], [8, 8], 0.5)
    for _ in range(200):
        one, other = boxes.draw((40, 40), random)
        low, high = shared_box(one, other)
        assert ((high - low) >= 4).all()
        assert ((one.low - other.low).abs() + 8 <= np.max(parent)).all()


def by_numpy(sides, lengths, share):
    sides, lengths = np.array(sides), np.array(lengths)
    room = np.maximum(lengths - sides, 1e-9)
    return np.prod(1 - np.maximum(1 - (1 - share) * sides / room, 0) ** 2)


def test_other_right_answers():
    assert check(NAME, (by_numpy, lambda a, b, share: np.add(a, b) - share * np.minimum(a, b)))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((lambda *each: 0.5, _parent), "yours gives 0.5"),
        ((_chance, lambda *each: 3.0), "shape () where (2,)"),
        ((lambda s, n, share: nan, _parent), "yours gives nan"),
        ((lambda s, n, share: 1 / (n[0] - 12) and _chance(s, n, share), _parent), "ZeroDivisionError"),
        (_chance, "Pass all parts"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize("half", [(..., _parent), (_chance, ...), (_chance, lambda *each: None)])
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("Draw the square")
