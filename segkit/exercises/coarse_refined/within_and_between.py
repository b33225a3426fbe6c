"""Which changes of one patch a ranking within patches can see, and which one between patches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import compare
from segkit.exercises.parts import judge_predictions, part, parts
from segkit.exercises.registry import Wrong, exercise

Shares = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

SCORES = torch.tensor([[6.0, 8.0, 2.0, 5.0], [6.0, 8.0, 2.0, 5.0]])
TARGETS = torch.tensor([[True, True, False, False]] * 2)
CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "brighter": lambda s: torch.stack([s[0], s[1] + 10]),
    "fainter": lambda s: torch.stack([s[0], s[1] / 2]),
    "inverted": lambda s: torch.stack([s[0], -s[1]]),
    "both brighter": lambda s: s + 10,
}
"""What is done to the second patch, or to both."""


def _shares(
    scores: Tensor,
    targets: Tensor,
    *,
    tie: float = 0.5,
    pairs: str = "others",
    per_patch: bool = False,
    right: bool = False,
    both_ways: bool = True,
) -> tuple[Tensor, Tensor]:
    p, n = scores.shape
    s, is_one = scores.flatten(), targets.flatten()
    patch = torch.arange(p).repeat_interleave(n)
    wrong = (s[:, None] < s).double() + tie * (s[:, None] == s).double()  # [i, j]: i of F, j of B
    wrong = 1 - wrong if right else wrong
    sides = is_one[:, None] & ~is_one
    alike = patch[:, None] == patch
    other = {"others": ~alike, "all": torch.ones_like(alike)}[pairs]
    if not both_ways:
        other = other & (patch[:, None] < patch)
    within = _mean(wrong, sides & alike)
    if per_patch:
        each = [_mean(wrong, sides & alike & (patch == k)) for k in range(p)]
        within = torch.stack(each).mean()
    return within, _mean(wrong, sides & other)


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    return (values * chosen).sum() / chosen.sum().clamp(min=1)


def _of_means(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Ranks the mean scores of both sides of every patch."""
    sides = [
        (scores * side).sum(1) / side.sum(1).clamp(min=1)
        for side in (targets.double(), 1.0 - targets.double())
    ]
    return _shares(torch.stack(sides, 1), torch.tensor([[True, False]]).expand(len(scores), 2))


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda scores, targets: _shares(scores, targets, **changes), hint)


MISTAKES = {
    "strict": _mistake("A pair with equal scores counts one half; yours calls it right.", tie=0.0),
    "lenient": _mistake("A pair with equal scores counts one half; yours calls it wrong.", tie=1.0),
    "all pairs": _mistake(
        "Your second share has the pairs of one patch in it; both pixels must be of different patches.",
        pairs="all",
    ),
    "mean of patches": _mistake(
        "You average over patches; every pair counts alike, also where a patch has more of them.",
        per_patch=True,
    ),
    "right pairs": _mistake("Those are the shares of pairs in the right order.", right=True),
    "one way": _mistake(
        "Two patches are compared in both ways: F of one with B of the other, and the reverse.",
        both_ways=False,
    ),
    "means": Wrong(
        _of_means, "You rank mean scores: two sides may overlap pixel by pixel though their means do not."
    ),
}


def predict() -> dict[str, float | tuple[float, ...]]:
    """Both shares after each change."""
    found = {}
    for name, change in CHANGES.items():
        within, between = _shares(change(SCORES), TARGETS)
        found[name] = (float(within), float(between))
    return dict(found)


RIGHT = predict()
QUESTIONS: dict[str, dict[float | tuple[float, ...] | None, str]] = {
    "brighter": {
        (
            0.0,
            0.0,
        ): "Every pixel of the second patch is now brighter than F of the first: are all pairs right?",
        (0.0, 1.0): "Half of the pairs between patches have F in the brighter patch. Are they wrong too?",
        (0.5, 0.5): "Within the second patch all became brighter alike: which order has changed there?",
    },
    "fainter": {
        (
            0.0,
            0.0,
        ): "F of the second patch is now (3, 4), B of the first still (2, 5): go through these pairs.",
        (0.5, 0.25): "Halved scores are in the same order: no pair within the patch has changed.",
    },
    "inverted": {
        (1.0, 0.5): "Only one of the two patches is turned over.",
        (0.5, 1.0): "F of the first patch is above everything in the second.",
    },
    "both brighter": {None: "Which pair changes its order if all scores grow by 10?"},
}


def _but(name: str, *values: float) -> tuple[dict[str, Any], Shares]:
    return {**RIGHT, name: values}, _shares


@exercise(
    "coarse_refined.within_and_between",
    kind="measure",
    minutes=15,
    start="List the pairs of one pixel of F and one of B: how many lie in one patch, how many in two?",
    wrong={
        **{name: Wrong((RIGHT, each.answer), f"`shares`: {each.hint}") for name, each in MISTAKES.items()},
        "sees nothing": Wrong(_but("brighter", 0, 0), "are all pairs right?"),
        "all wrong": Wrong(_but("brighter", 0, 1), "Are they wrong too?"),
        "contrast within": Wrong(_but("fainter", 0.5, 0.25), "Halved scores are in the same order"),
        "both turned": Wrong(_but("inverted", 1, 0.5), "Only one of the two patches"),
    },
)
def check_within_and_between(answer: Any) -> None:
    predicted, shares = parts(answer, "predicted", "shares")
    with part("predicted"):
        judge_predictions(predicted, RIGHT, QUESTIONS)
    inputs = [(SCORES, TARGETS), *_inputs()]
    with part("shares"):
        call_by_hand(shares, *inputs[1], room="segkit.coarse_refined")
        compare(shares, _shares, inputs, mistakes=MISTAKES, tolerance=1e-6)


def _inputs() -> list[tuple[Tensor, Tensor]]:
    """Patches with sides of different sizes, some scores equal, one patch with one side alone."""
    inputs = []
    for p, n in ((3, 7), (4, 5), (2, 12)):
        generator = torch.Generator().manual_seed(n)
        targets = torch.rand(p, n, generator=generator) < torch.linspace(0.2, 0.8, p)[:, None]
        targets[:, 0], targets[:, 1] = True, False
        scores = torch.randint(6, (p, n), generator=generator) + 2.0 * targets
        inputs.append((scores, targets))
    inputs[1][1][2] = True
    return inputs
