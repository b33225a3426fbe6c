"""Relative gains: what they hide, and what they give away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.exercises.judging import Hint, compare, numbers
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong, exercise


def _largest_base(gain: float) -> float:
    return min(1.0, 1 / (1 + gain))


LARGEST_BASE = {
    "inverse": Wrong(
        lambda gain: min(1.0, 1 / gain if gain else np.inf),
        "A gain of 1 doubles the baseline, so that its ceiling is one half: count the baseline itself too.",
    ),
    "rest": Wrong(
        lambda gain: 1 - gain,
        "You take the gain for a difference of Dice; it is a multiple of the baseline.",
    ),
    "percent": Wrong(
        lambda gain: min(1.0, 1 / (1 + gain / 100)),
        "`gain` is no percentage: 1 is a doubling.",
    ),
    "unbounded": Wrong(
        lambda gain: 1 / (1 + gain),
        "Where the channel does harm (gain < 0) yours allows a baseline above 1, which no Dice reaches.",
    ),
    "of the sum": Wrong(
        lambda gain: min(1.0, gain / (1 + gain)),
        "That is the part of the result which the gain makes; the baseline is the other part.",
    ),
}
TABLE = ([0.02, 0.8, 0.8, 0.8, 0.8], [0.2, 0.7, 0.7, 0.7, 0.7])


@exercise(
    "mask_prior.relative_gain",
    kind="derive",
    minutes=10,
    start="What does one case with a baseline near 0 do to a mean of ratios? And what is the largest Dice?",
    wrong={
        "swapped": Wrong((TABLE[::-1], _largest_base), "exchanged"),
        "all rise": Wrong((([0.3] * 6, [0.7] * 6), _largest_base), "The mean Dice rises"),
        "all fall": Wrong((([0.9] * 6, [0.8] * 6), _largest_base), "The mean of your ratios is -0.11"),
        "from zero": Wrong((([0.0, *TABLE[0][1:]], TABLE[1]), _largest_base), "divides by 0"),
        "one case": Wrong((([0.1], [0.5]), _largest_base), "five cases or more"),
        **{name: Wrong((TABLE, each.answer), each.hint) for name, each in LARGEST_BASE.items()},
    },
)
def check_relative_gain(answer: Any) -> None:
    table, largest_base = parts(answer, "table", "largest_base")
    _judge_table(*parts(table, "base", "with_mask"))
    inputs = [(gain,) for gain in (0.25, 1.0, 3.0, 0.07, 0.0, -0.3)]
    with part("largest_base"):
        compare(largest_base, _largest_base, inputs, mistakes=LARGEST_BASE, tolerance=1e-6)


def _mean_ratio(before: NDArray, after: NDArray) -> float:
    return float(((after - before) / before).mean())


def _judge_table(base: Any, with_mask: Any) -> None:
    before, after = numbers(base), numbers(with_mask)
    if before.ndim != 1 or before.shape != after.shape or len(before) < 5:
        raise Hint(
            f"Two lists of one length are asked for, of five cases or more; yours have the shapes "
            f"{before.shape} and {after.shape}."
        )
    if (before == 0).any():
        raise Hint(
            "A baseline of exactly 0 divides by 0, and that ratio is no number: a little above will do."
        )
    if not ((before > 0) & (before <= 1) & (after >= 0) & (after <= 1)).all():
        raise Hint("Dice lies between 0 and 1.")
    if after.mean() > before.mean() and after.all() and _mean_ratio(after, before) >= 1:
        raise Hint("The two lists are exchanged: the first one is the baseline.")
    if not after.mean() < before.mean():
        raise Hint(
            "The mean Dice rises, or stays: the ratios and the means agree, and nothing is hidden. Let all "
            "cases lose a little but one."
        )
    ratio = _mean_ratio(before, after)
    if ratio < 1:
        raise Hint(f"The mean of your ratios is {ratio:.3g}; at least 1 was asked for. What makes one large?")
