"""Dice of two shifted balls, and the radius that a published pair of Dice and distance implies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from segkit.exercises.judging import Hint, call, compare, numbers
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong, exercise


def _dice(radius: float, shift: float) -> float:
    t = min(shift / radius, 2.0)
    return 1 - 3 / 4 * t + t**3 / 16


def _disks(radius: float, shift: float) -> float:
    t = min(shift / (2 * radius), 1.0)
    return 2 / math.pi * (math.acos(t) - t * math.sqrt(1 - t * t))


def _implied(dice: float, shift: float, law: Callable[[float, float], float] = _dice) -> float:
    low, high = 0.0, 2.0
    for _ in range(80):
        t = (low + high) / 2
        low, high = (t, high) if law(1.0, t) > dice else (low, t)
    return shift / low


def _other_root(dice: float, shift: float) -> float:
    """The root of the cubic beyond 2, where the balls have parted."""
    low, high = 2.0, 4.0
    for _ in range(80):
        t = (low + high) / 2
        low, high = (t, high) if 1 - 3 / 4 * t + t**3 / 16 < dice else (low, t)
    return shift / low


def _jaccard(radius: float, shift: float) -> float:
    return (d := _dice(radius, shift)) / (2 - d)


LAWS = {
    "first order": Wrong(
        lambda radius, shift: max(0.0, 1 - 3 / 4 * shift / radius),
        "That is the tangent at small shifts: the cubic term is missing, and yours is 0 too early.",
    ),
    "disks": Wrong(
        _disks, "That is the Dice of two disks, in the plane: integrate the areas of disks, not of chords."
    ),
    "intervals": Wrong(
        lambda radius, shift: max(0.0, 1 - shift / (2 * radius)),
        "That is the Dice of two intervals: between −R and R each cross-section counted alike.",
    ),
    "jaccard": Wrong(_jaccard, "That is intersection over union; Dice divides by the mean volume."),
    "one cap": Wrong(
        lambda radius, shift: _dice(radius, shift) / 2,
        "Balls that lie on each other have Dice 1, in yours one half: the lens has two caps.",
    ),
    "parted": Wrong(
        lambda radius, shift: 1 - 3 / 4 * (t := shift / radius) + t**3 / 16,
        "Beyond a shift of 2 R the balls have parted, but your polynomial rises again.",
    ),
}
INVERSES = {
    "tangent": Wrong(
        lambda dice, shift: 3 / 4 * shift / (1 - dice),
        "You invert the tangent 1 − ¾ d/R; the cubic term matters as soon as Dice is not near 1.",
    ),
    "ratio": Wrong(
        lambda dice, shift: shift / _implied(dice, shift), "That is d/R; the radius was asked for."
    ),
    "relative": Wrong(
        lambda dice, shift: _implied(dice, 1.0), "That is R/d, which has no unit: multiply by the shift."
    ),
    "diameter": Wrong(
        lambda dice, shift: 2 * _implied(dice, shift), "That is twice as much: a diameter, no radius."
    ),
    "other root": Wrong(
        _other_root,
        "Your ball has parted from itself: the cubic has a second positive root, with d > 2 R.",
    ),
    "plane": Wrong(
        lambda dice, shift: _implied(dice, shift, _disks), "You invert the law of disks, not that of balls."
    ),
}


@exercise(
    "mask_prior.shifted_balls",
    kind="derive",
    minutes=15,
    start="At the distance x from its centre a ball has a disk of area π (R² − x²). Where does a cap begin?",
    wrong={
        **{name: Wrong((each.answer, _implied), each.hint) for name, each in LAWS.items()},
        **{f"inverse: {name}": Wrong((_dice, each.answer), each.hint) for name, each in INVERSES.items()},
        "alone": Wrong(_dice, "Pass all parts to check()"),
        "raises": Wrong(
            (_dice, lambda dice, shift: 1 / (dice > 0.5)), "`implied_radius`: Your function raised"
        ),
    },
)
def check_shifted_balls(answer: Any) -> None:
    dice, implied_radius = parts(answer, "dice", "implied_radius")
    shifts = [(10.0, 0.0), (10.0, 2.0), (5.0, 7.5), (4.0, 8.0), (3.0, 11.0), (0.7, 0.6), (120.0, 200.0)]
    with part("dice"):
        compare(dice, _dice, shifts, mistakes=LAWS, tolerance=1e-6)
    with part("implied_radius"):
        pairs = [(0.9, 2.0), (0.5, 7.5), (0.08, 3.0), (0.002, 1.0), (0.995, 40.0)]
        compare(implied_radius, _implied, pairs, mistakes=INVERSES, tolerance=1e-4)
        for radius, shift in ((31.0, 12.0), (8.0, 0.05)):
            found = float(numbers(call(implied_radius, _dice(radius, shift), shift)))
            if abs(found / radius - 1) > 1e-4:
                raise Hint(f"From the Dice of R = {radius:g} and d = {shift:g} it finds R = {found:.4g}.")
