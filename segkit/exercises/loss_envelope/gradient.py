"""The gradient of the smooth mean of the k largest values."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call, compare, numbers, same
from segkit.exercises.registry import Wrong, exercise
from segkit.loss_envelope import smooth_top_k_mean


def _level(values: Tensor, k: int, temperature: float) -> float:
    """λ* by bisection: the logistic shares above it add up to k."""
    margin = temperature * (40 + math.log(len(values)))
    low, high = float(values.min()) - margin, float(values.max()) + margin
    for _ in range(200):
        middle = (low + high) / 2
        too_low = float(torch.sigmoid((values - middle) / temperature).sum()) > k
        low, high = (middle, high) if too_low else (low, middle)
    return (low + high) / 2


def _mean(values: Tensor, k: int, temperature: float) -> float:
    level = _level(values, k, temperature)
    return level + temperature / k * float(softplus((values - level) / temperature).sum())


def _differences(values: Tensor, k: int, temperature: float, level: float, step: float = 1e-5) -> Tensor:
    """The gradient by moving each value a little, and λ* with it."""
    slopes = torch.empty_like(values)
    for j in range(len(values)):
        ends = []
        for sign in (1, -1):
            moved = values.clone()
            moved[j] += sign * step
            ends.append(_mean(moved, k, temperature))
        slopes[j] = (ends[0] - ends[1]) / (2 * step)
    return slopes


def _shares(values: Tensor, k: int, temperature: float, level: float) -> Tensor:
    return torch.sigmoid((values - level) / temperature)


def _slopes(values: Tensor, k: int, temperature: float, level: float) -> Tensor:
    shares = _shares(values, k, temperature, level)
    return shares * (1 - shares)


def _gradient(values: Tensor, k: int, temperature: float, level: float) -> Tensor:
    return _shares(values, k, temperature, level) / k


def _by_machine(values: Tensor, k: int, temperature: float, level: float) -> Tensor:
    leaf = values.clone().requires_grad_()
    value = level + temperature / k * softplus((leaf - level) / temperature).sum()
    return torch.autograd.grad(value, leaf)[0]


MISTAKES = {
    "sum": Wrong(_shares, "Your weights add up to k; those of a mean add up to one."),
    "sign": Wrong(
        lambda values, k, t, level: _gradient(-values, k, t, -level),
        "The sign inside the sigmoid is turned: your largest value has the smallest weight.",
    ),
    "temperature kept": Wrong(
        lambda values, k, t, level: _gradient(values, k, t, level) / t,
        "You kept a factor 1/T: the T in front of the softplus cancels the 1/T of the chain rule.",
    ),
    "twice": Wrong(
        lambda values, k, t, level: _slopes(values, k, t, level) / (k * t),
        "That is the slope of the sigmoid; the sigmoid itself is already the derivative of the softplus.",
    ),
    "moving level": Wrong(
        lambda values, k, t, level: (
            _gradient(values, k, t, level) + (s := _slopes(values, k, t, level)) / s.sum()
        ),
        "You added the movement of λ*: what is its factor, the derivative by λ, at the minimum?",
    ),
    "step": Wrong(
        lambda values, k, t, level: (values > level).double() / k,
        "That is the hard selection, the limit T → 0, and it jumps.",
    ),
    "exponentials": Wrong(
        lambda values, k, t, level: torch.softmax(values / t, 0),
        "A softmax is the gradient of T log Σ exp(a/T); it knows no k and no threshold.",
    ),
}
LENT = {
    "library": Wrong(
        lambda values, k, t, level: torch.autograd.grad(
            smooth_top_k_mean(leaf := values.clone().requires_grad_(), k, temperature=t), leaf
        )[0],
        "Your function calls `smooth_top_k_mean` of segkit",
    ),
    "by machine": Wrong(_by_machine, "Your function differentiates automatically"),
    "single precision": Wrong(
        lambda values, k, t, level: _gradient(values.float(), k, t, level),
        "Right to about six digits: stay in float64 and the rest is right too.",
    ),
}


@exercise(
    "loss_envelope.smooth_top_k_gradient",
    kind="derive",
    minutes=15,
    start="Write the derivative of the whole as one part by a_j and one part by λ, times that of λ* by a_j.",
    wrong={**MISTAKES, **LENT},
)
def check_smooth_top_k_gradient(answer: Any) -> None:
    inputs = []
    for n, k, temperature in ((6, 2, 0.3), (9, 3, 0.1), (4, 1, 1.5)):
        values = torch.rand(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
        inputs.append((values, k, temperature, _level(values, k, temperature)))
    call_by_hand(answer, *inputs[0], room="segkit.loss_envelope", derivatives=True)
    compare(answer, _differences, inputs, mistakes=MISTAKES, tolerance=1e-5)
    if not all(same(numbers(call(answer, *each)), numbers(_gradient(*each)), 1e-11) for each in inputs):
        raise Hint(LENT["single precision"].hint)
