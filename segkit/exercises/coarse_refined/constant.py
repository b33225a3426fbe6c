"""Consistency without labels: where descent ends, with and without a gradient through the target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import compare
from segkit.exercises.parts import judge_predictions, part, parts
from segkit.exercises.registry import Wrong, exercise

Velocity = Callable[[float, float, float, str], tuple[float, float]]

WAYS = ("symmetric", "detached", "shared")
START, NOISE = (1.0, 1.0), 0.5
RIGHT: dict[str, float | tuple[float, ...]] = {
    "symmetric": (0.0, 0.0),
    "detached": (0.8, 1.0),
    "shared": (0.0, 0.0),
}
"""Where (w_c, w_r) end."""


def _velocity(
    w_c: float,
    w_r: float,
    s: float,
    way: str,
    *,
    slope: float = 2.0,
    shrink: Callable[[float, float, float], float] = lambda w_c, w_r, s: s * s * w_c,
    stopped: bool = True,
    follows: bool = True,
    through: bool = False,
) -> tuple[float, float]:
    apart, smaller = slope * (w_c - w_r), slope * shrink(w_c, w_r, s)
    coarse = -apart - smaller
    if way == "symmetric" or not stopped:
        return coarse, apart
    if way == "detached":
        return coarse, 0.0
    if through:
        return -smaller, -smaller
    return coarse, coarse if follows else 0.0


def _by_machine(w_c: float, w_r: float, s: float, way: str) -> tuple[float, float]:
    coarse, refined = (torch.tensor(w, dtype=torch.float64, requires_grad=True) for w in (w_c, w_r))
    target = refined if way == "symmetric" else refined.detach()
    loss = (coarse - target) ** 2 + (s * coarse) ** 2
    loss.backward()  # type: ignore[no-untyped-call]
    slope = [0.0 if w.grad is None else float(w.grad) for w in (coarse, refined)]
    return -slope[0], -slope[0 if way == "shared" else 1]


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda w_c, w_r, s, way: _velocity(w_c, w_r, s, way, **changes), hint)


MISTAKES = {
    "no noise": _mistake(
        "Yours does not ask for the noise: w_c η does not vanish in the mean of squares, it gives s² w_c².",
        shrink=lambda w_c, w_r, s: 0.0,
    ),
    "noise once": _mistake("The mean square of the noise is s², not s.", shrink=lambda w_c, w_r, s: s * w_c),
    "noise everywhere": _mistake(
        "The refined output sees no noise in the task, and E (x + η) x is 1: x and η are independent.",
        shrink=lambda w_c, w_r, s: s * s * (w_c - w_r),
    ),
    "half": _mistake("A factor of 2 is missing everywhere: L is a square, without a half.", slope=1.0),
    "ascent": _mistake("The sign is turned: descent goes against the gradient.", slope=-2.0),
    "never stopped": _mistake(
        'Your w_r follows a gradient in all three ways; none passes through f_r but in "symmetric".',
        stopped=False,
    ),
    "stands": _mistake(
        'In "shared" your w_r stands still: it gets no gradient, but w_r = w_c + ρ moves as w_c does.',
        follows=False,
    ),
    "through": _mistake(
        'In "shared" you put w_r = w_c + ρ into L first and then differentiate: that is a gradient through '
        "f_r.",
        through=True,
    ),
}
QUESTIONS: dict[str, dict[float | tuple[float, ...] | None, str]] = {
    "symmetric": {
        (1.0, 1.0): "At (1, 1) both agree on x, but not on x + η: the loss is s² there, not 0.",
        None: "Where does neither weight have a gradient left?",
    },
    "detached": {
        (1.0, 1.0): "The target is w_r x. Which w_c comes nearest to it, if all that it sees is x + η?",
        (0.0, 0.0): "What could move w_r, which gets no gradient and shares no weight?",
        None: "Which of the two weights moves, and where is its gradient 0?",
    },
    "shared": {
        (0.8, 1.0): "As w_c becomes smaller, where is the target w_c + ρ that it is drawn to?",
        None: "What is ρ at (1, 1), and where does w_c then stop?",
    },
}


def _but(way: str, limit: tuple[float, float]) -> dict[str, Any]:
    return {**RIGHT, way: limit}


@exercise(
    "coarse_refined.constant",
    kind="derive",
    minutes=15,
    start="Multiply out E (w_c (x + η) − w_r x)². Which of its terms depend on w_c, which on w_r?",
    wrong={
        **{name: Wrong((RIGHT, each.answer), f"`velocity`: {each.hint}") for name, each in MISTAKES.items()},
        "by machine": Wrong((RIGHT, _by_machine), "Your function differentiates automatically"),
        "agreement": Wrong((_but("detached", START), _velocity), "Which w_c comes nearest to it"),
        "collapse": Wrong((_but("detached", (0.0, 0.0)), _velocity), "What could move w_r"),
        "protected": Wrong((_but("shared", (0.8, 1.0)), _velocity), "where is the target w_c + ρ"),
    },
)
def check_constant(answer: Any) -> None:
    limits, velocity = parts(answer, "limits", "velocity")
    with part("limits"):
        judge_predictions(limits, RIGHT, QUESTIONS)
    inputs = [
        (w_c, w_r, s, way)
        for w_c, w_r, s in ((1.0, 1.0, 0.5), (0.3, -1.2, 0.7), (-2.0, 0.4, 1.5), (0.0, 2.5, 0.9))
        for way in WAYS
    ]
    with part("velocity"):
        for each in inputs[:3]:
            call_by_hand(velocity, *each, room="segkit.coarse_refined", derivatives=True)
        compare(velocity, _velocity, inputs, mistakes=MISTAKES, tolerance=1e-6)
