"""How often two boxes share enough of a volume, and a parent box that makes it certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from segkit.exercises.judging import compare
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong, exercise

Numbers = Sequence[float]


def _near(room: float, within: float) -> float:
    """The chance that two points of [0, room] are at most `within` apart."""
    if within >= room:
        return 1.0
    return 1 - (1 - within / room) ** 2


def _chance(
    sides: Numbers,
    lengths: Numbers,
    share: float,
    *,
    near: Callable[[float, float], float] = _near,
    room: Callable[[float, float], float] = lambda side, length: length - side,
    reach: Callable[[float, float], float] = lambda side, share: (1 - share) * side,
    joined: Callable[[list[float]], float] = prod,
) -> float:
    return joined([near(room(s, n), reach(s, share)) for s, n in zip(sides, lengths, strict=True)])


def _by_volume(sides: Numbers, lengths: Numbers, share: float) -> float:
    return _chance(sides, lengths, share ** (1 / len(sides)))


def _parent(first: Numbers, second: Numbers, share: float) -> list[float]:
    return [a + b - share * min(a, b) for a, b in zip(first, second, strict=True)]


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda sides, lengths, share: _chance(sides, lengths, share, **changes), hint)


CHANCES = {
    "whole volume": _mistake(
        "The first corner of a box cannot lie anywhere in the volume: it has a room of N − s.",
        room=lambda side, length: length,
    ),
    "both sides": _mistake(
        "You take the second corner to have room on both sides of the first, even near an end of the volume.",
        near=lambda room, within: min(1.0, 2 * within / room) if room > 0 else 1.0,
    ),
    "even distance": _mistake(
        "Yours is right if all distances of two corners were equally likely; small ones are likelier.",
        near=lambda room, within: min(1.0, within / room) if room > 0 else 1.0,
    ),
    "apart": _mistake(
        "That is the chance that they share less.", near=lambda room, within: 1 - _near(room, within)
    ),
    "they touch": _mistake(
        "You count boxes that share anything at all: how far apart may they be to share ρ s?",
        reach=lambda side, share: side,
    ),
    "share apart": _mistake(
        "Boxes whose corners are ρ s apart share (1 − ρ) s.", reach=lambda side, share: share * side
    ),
    "any axis": _mistake(
        "One axis is not enough: two boxes that are apart along one have nothing in common.",
        joined=lambda each: 1 - prod(1 - p for p in each),
    ),
    "mean of axes": _mistake(
        "You average over the axes; they are drawn independently, and all must be near.",
        joined=lambda each: sum(each) / len(each),
    ),
    "of the volume": Wrong(_by_volume, "The share is asked for along every axis, not of the boxes' volumes."),
    "no room": _mistake(
        "A box as long as the volume has no room: yours is 0 / 0 there, and the chance is 1.",
        near=lambda room, within: _near(room, within) if room > 0 else float("nan"),
    ),
}
PARENTS = {
    "larger": Wrong(
        lambda first, second, share: [a + b - share * max(a, b) for a, b in zip(first, second, strict=True)],
        "The share is one of the smaller box: yours secures more than was asked for.",
    ),
    "first": Wrong(
        lambda first, second, share: [a + b - share * a for a, b in zip(first, second, strict=True)],
        "You take the share of the first box, whichever is the smaller.",
    ),
    "sum": Wrong(
        lambda first, second, share: [a + b for a, b in zip(first, second, strict=True)],
        "In yours the boxes may lie end to end: they share at least s₁ + s₂ − P, which is 0.",
    ),
    "larger box": Wrong(
        lambda first, second, share: [max(a, b) for a, b in zip(first, second, strict=True)],
        "A parent as large as the larger box secures all of the smaller one: a larger one will do.",
    ),
    "as printed": Wrong(
        lambda first, second, share: [(1 + share) * max(a, b) for a, b in zip(first, second, strict=True)],
        "Yours does not shrink as more is asked for.",
    ),
}


@exercise(
    "local_ssl.overlap",
    kind="derive",
    minutes=15,
    start="Draw the square of all pairs of corners along one axis. In which part of it are they near?",
    wrong={
        **{name: Wrong((each.answer, _parent), f"`chance`: {each.hint}") for name, each in CHANCES.items()},
        **{
            f"parent: {name}": Wrong((_chance, each.answer), f"`parent`: {each.hint}")
            for name, each in PARENTS.items()
        },
    },
)
def check_overlap(answer: Any) -> None:
    chance, parent = parts(answer, "chance", "parent")
    inputs = [
        ([16.0, 20.0], [48.0, 64.0], 0.3),
        ([96.0, 96.0, 16.0], [512.0, 512.0, 90.0], 0.1),
        ([10.0], [80.0], 0.6),
        ([30.0, 12.0], [36.0, 50.0], 0.5),
    ]
    with part("chance"):
        compare(chance, _chance, inputs, mistakes=CHANCES, tolerance=1e-6)
        compare(chance, _chance, [([12.0, 12.0], [12.0, 40.0], 0.25)], mistakes=CHANCES, tolerance=1e-6)
    boxes = [([12.0, 9.0], [10.0, 14.0], 0.5), ([20.0], [20.0], 0.1), ([8.0, 6.0, 5.0], [8.0, 7.0, 4.0], 1.0)]
    with part("parent"):
        compare(parent, _parent, boxes, mistakes=PARENTS, tolerance=1e-6)
