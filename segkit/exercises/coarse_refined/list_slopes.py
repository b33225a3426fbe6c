"""The gradient of a ranked list, with weights that are detached and with weights that move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.coarse_refined import ranked_list_loss
from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call, compare, judge_letters, numbers, same
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong, exercise

Slopes = Callable[[Tensor, Tensor, float, float], tuple[Tensor, Tensor]]

DISTANCES = {"A": 0.1, "B": 0.5, "C": 0.9, "D": 1.1, "E": 1.3}
ALPHA, TEMPERATURE = 1.2, 5.0
PULLED = {
    "B": "B violates by much, and yet: is its α − d above or below ℓ − 1 / T?",
    "C": "What happens to ℓ, a weighted mean, if a term far below the mean gets more weight?",
    "D": "D violates by next to nothing: its own term gains little when it comes nearer.",
}
PUSHED = {
    "A": "A violates most, and its α − d is above ℓ: both parts of its slope push it away.",
    "E": "E is beyond α: it is in no list and gets no gradient.",
}


def _weights(excess: Tensor, temperature: float) -> Tensor:
    return torch.softmax((temperature * excess).masked_fill(excess <= 0, -torch.inf), 0)


def _slopes(
    anchor: Tensor,
    negatives: Tensor,
    alpha: float,
    temperature: float,
    *,
    weights: Callable[[Tensor, float], Tensor] = _weights,
    sign: float = -1.0,
    power: int = 1,
    moving: Callable[[Tensor, Tensor, float], Tensor] = lambda excess, loss, t: 1 + t * (excess - loss),
    turned: bool = False,
    guard: bool = True,
) -> tuple[Tensor, Tensor]:
    apart = negatives - anchor
    d = apart.norm(dim=1)
    excess = alpha - d
    if guard and not (excess > 0).any():
        return torch.zeros_like(negatives), torch.zeros_like(negatives)
    weight = weights(excess, temperature)
    loss = (weight * excess).sum()
    slope = sign * weight / d**power
    found = [
        (each * slope)[:, None] * apart for each in (torch.ones_like(d), moving(excess, loss, temperature))
    ]
    return (found[1], found[0]) if turned else (found[0], found[1])


def _by_machine(anchor: Tensor, negatives: Tensor, alpha: float, temperature: float) -> tuple[Tensor, ...]:
    """The right answer, by automatic differentiation: the oracle."""
    found = []
    for detached in (True, False):
        leaf = negatives.clone().requires_grad_()
        excess = alpha - (leaf - anchor).norm(dim=1)
        if not (excess > 0).any():
            found.append(torch.zeros_like(negatives))
            continue
        weight = _weights(excess, temperature)
        loss = ((weight.detach() if detached else weight) * excess.clamp(min=0)).sum()
        found += torch.autograd.grad(loss, leaf)
    return tuple(found)


def _by_library(anchor: Tensor, negatives: Tensor, alpha: float, temperature: float) -> tuple[Tensor, Tensor]:
    leaf = negatives.clone().requires_grad_()
    one, two = torch.zeros(1, dtype=torch.int64), torch.ones(len(leaf), dtype=torch.int64)
    options = {"alpha": alpha, "t_neg": temperature, "beta": 1.0}
    loss = ranked_list_loss(anchor[None], one, others=leaf, other_labels=two, **options)  # type: ignore[arg-type]
    (found,) = torch.autograd.grad(loss.sum(), leaf)
    return found, found


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda a, n, alpha, t: _slopes(a, n, alpha, t, **changes), hint)


MISTAKES = {
    "sign": _mistake(
        "The sign is turned: a step against the gradient must lead the worst negative away.", sign=1.0
    ),
    "not a mean": _mistake(
        "Your weights do not add up to 1: divide by their sum over the list.",
        weights=lambda excess, t: torch.exp(t * excess) * (excess > 0),
    ),
    "everybody": _mistake(
        "A negative beyond α is in no list: it has weight 0, and takes none from the others.",
        weights=lambda excess, t: torch.softmax(t * excess, 0),
    ),
    "far ones": _mistake(
        "Your weights grow with the distance; the largest belongs to the nearest negative.",
        weights=lambda excess, t: _weights(excess, -t),
    ),
    "no unit vector": _mistake(
        "Your slopes grow with the distance: the gradient of d is a vector of length 1.", power=0
    ),
    "both detached": _mistake(
        "Both of yours are alike: in the second the weights depend on the distances too.",
        moving=lambda excess, loss, t: torch.ones_like(excess),
    ),
    "no sum": _mistake(
        "In the second you differentiate the exponential but not the sum that it is divided by.",
        moving=lambda excess, loss, t: 1 + t * excess,
    ),
    "weights alone": _mistake(
        "In the second the distance is missing: a product has two terms, and yours has that of the weight.",
        moving=lambda excess, loss, t: t * (excess - loss),
    ),
    "no temperature": _mistake(
        "In the second the exponent's own slope is missing: it is T (α − d).",
        moving=lambda excess, loss, t: 1 + excess - loss,
    ),
    "exchanged": _mistake("The two are exchanged: detached comes first.", turned=True),
}
EMPTY = "Where no negative is nearer than α, zeros are expected."


@exercise(
    "coarse_refined.list_slopes",
    kind="derive",
    minutes=15,
    start="Write ℓ as a sum of weight times α − d. Which factors depend on d_j: one, or all of them?",
    wrong={
        **{name: Wrong((each.answer, set(PULLED)), each.hint) for name, each in MISTAKES.items()},
        "empty list": Wrong((lambda a, n, alpha, t: _slopes(a, n, alpha, t, guard=False), "BCD"), EMPTY),
        "by machine": Wrong((_by_machine, set(PULLED)), "Your function differentiates automatically"),
        "library": Wrong((_by_library, set(PULLED)), "Your function calls `ranked_list_loss` of segkit"),
        "weak ones": Wrong((_slopes, "C, D"), "1 of them is missing. B violates by much"),
        "all": Wrong((_slopes, set(DISTANCES)), "A violates most"),
    },
)
def check_list_slopes(answer: Any) -> None:
    slopes, pulled = parts(answer, "list_slopes", "pulled")
    inputs = _inputs()
    with part("list_slopes"):
        call_by_hand(slopes, *inputs[0], room="segkit.coarse_refined", derivatives=True)
        compare(slopes, _by_machine, inputs, mistakes=MISTAKES, tolerance=1e-6)
        anchor, negatives, _, temperature = inputs[0]
        nothing = numbers(call(slopes, anchor, negatives, 1e-3, temperature))
        if not same(nothing, numbers(torch.zeros(2, *negatives.shape)), 1e-9):
            raise Hint(EMPTY)
    judge_letters(
        pulled, wanted=PULLED, others=PUSHED, one="1 of them is missing.", many="{} of them are missing."
    )


def _inputs() -> list[tuple[Tensor, Tensor, float, float]]:
    """Anchors on and off the sphere with negatives inside and outside α; once all weights are alike."""
    inputs = []
    for m, d, alpha, temperature in (
        (9, 3, 1.2, 5.0),
        (6, 2, 2.0, 1.0),
        (12, 8, 1.3, 0.0),
        (5, 4, 1.5, 10.0),
    ):
        generator = torch.Generator().manual_seed(m)
        anchor = torch.randn(d, generator=generator, dtype=torch.float64)
        away = torch.randn(m, d, generator=generator, dtype=torch.float64)
        reach = torch.linspace(0.2, 1.3, m, dtype=torch.float64)[:, None] * alpha
        inputs.append((anchor, anchor + reach * away / away.norm(dim=1, keepdim=True), alpha, temperature))
    return inputs
