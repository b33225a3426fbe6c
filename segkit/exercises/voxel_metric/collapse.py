"""The point at which all voxels coincide, and what pushes two classes apart beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, Unanswered, call, compare, numbers, same
from segkit.exercises.registry import Wrong, exercise
from segkit.voxel_metric import triplet_pair

Gradient = Callable[[Tensor, Tensor, float], Tensor]

EPS = 1e-6
TOLERANCE = 2e-4
"""Wide enough for a floor that is added to the distance in place of ours."""
WHAT = ("the value", "the gradient at the point", "the gradient beside it")
RIGHT = {"triplet": (0.2, 0.0, 0.0), "negative pair": (0.5, 0.0, 1.0)}


def _gradient(
    z_i: Tensor, z_j: Tensor, margin: float, *, power: int = 1, floor: float = EPS, always: bool = False
) -> Tensor:
    apart = z_i - z_j
    distance = apart.square().sum(1, keepdim=True).clamp(min=floor).sqrt()
    short = margin - distance if always else (margin - distance).relu()
    return -short * apart / distance**power


def _of_squared(z_i: Tensor, z_j: Tensor, margin: float) -> Tensor:
    apart = z_i - z_j
    return -2 * (margin - apart.square().sum(1, keepdim=True)).relu() * apart


def _by_machine(z_i: Tensor, z_j: Tensor, margin: float) -> Tensor:
    leaf = z_i.clone().requires_grad_()
    distance = (leaf - z_j).square().sum(1).clamp(min=EPS).sqrt()
    return torch.autograd.grad((margin - distance).relu().square().sum() / 2, leaf)[0]


MISTAKES = {
    "sign": Wrong(
        lambda z_i, z_j, m: -_gradient(z_i, z_j, m),
        "The sign is turned: a step against the gradient must lead z_i away from z_j.",
    ),
    "no unit vector": Wrong(
        lambda z_i, z_j, m: _gradient(z_i, z_j, m, power=0),
        "Yours gets weaker the nearer the two are, where a push is most needed: the slope of a distance is "
        "a vector of length 1.",
    ),
    "distance twice": Wrong(
        lambda z_i, z_j, m: _gradient(z_i, z_j, m, power=2),
        "You divide by d twice: yours grows without bound as the two come near.",
    ),
    "squared": Wrong(_of_squared, "Your hinge is on the squared distance D; that of the pair is on d."),
    "never satisfied": Wrong(
        lambda z_i, z_j, m: _gradient(z_i, z_j, m, always=True),
        "Beyond the margin yours pulls a negative back: there the loss is 0.",
    ),
    "unit push": Wrong(
        lambda z_i, z_j, m: torch.where(
            (z_i - z_j).norm(dim=1, keepdim=True) < m,
            _gradient(z_i, z_j, m + 1) - _gradient(z_i, z_j, m),
            0.0,
        ),
        "Your push has one strength up to the margin: the hinge is squared.",
    ),
}
OTHERS = {
    "not a number": Wrong(
        lambda z_i, z_j, m: _gradient(z_i, z_j, m, floor=0.0),
        "Where the two coincide yours is 0 / 0: after one such pair no weight of the net is a number.",
    ),
    "by machine": Wrong(_by_machine, "Your function differentiates automatically"),
    "library": Wrong(
        lambda z_i, z_j, m: triplet_pair(z_i, torch.zeros(len(z_i), dtype=torch.int64)).pair,
        "Your function calls `triplet_pair` of segkit",
    ),
}


def _predicted(name: str, *values: float) -> tuple[dict[str, tuple[float, ...]], Gradient]:
    return {**RIGHT, name: values}, _gradient


PREDICTIONS = {
    "no loss": Wrong(
        _predicted("triplet", 0.0, 0.0, 0.0),
        "Is every margin met where D is 0 for positives and for negatives?",
    ),
    "pushes at once": Wrong(
        _predicted("negative pair", 0.5, 1.0, 1.0),
        "In which direction would it push two voxels that are in one place?",
    ),
    "weak beside": Wrong(
        _predicted("negative pair", 0.5, 0.0, 0.0),
        "However near, two voxels of two classes have a direction from one to the other.",
    ),
    "halved": Wrong(_predicted("negative pair", 1.0, 0.0, 1.0), "The value of the negative pair is not 1."),
}


@exercise(
    "voxel_metric.collapse",
    kind="derive",
    minutes=15,
    start="Put D = 0 into both terms. Then move the voxels a little apart: how long is each gradient?",
    wrong={
        **{name: Wrong((RIGHT, each.answer), each.hint) for name, each in {**MISTAKES, **OTHERS}.items()},
        **PREDICTIONS,
    },
)
def check_collapse(answer: Any) -> None:
    try:
        predicted, gradient = answer
    except (TypeError, ValueError):
        raise Hint("Pass a pair to check(): (predicted, negative_pair_gradient).") from None
    _judge_prediction(predicted)
    inputs = _inputs()
    call_by_hand(gradient, *inputs[0], room="segkit.voxel_metric", derivatives=True)
    compare(gradient, _gradient, inputs, mistakes=MISTAKES, tolerance=TOLERANCE)
    z, other, margin = inputs[0]
    other = torch.cat([z[:2], other[2:]])
    given = numbers(call(gradient, z, other, margin))
    finite = bool(np.isfinite(given).all())
    if not same(given, numbers(_gradient(z, other, margin)), TOLERANCE):
        raise Hint("Where the two coincide 0 is expected." if finite else OTHERS["not a number"].hint)


def _inputs() -> list[tuple[Tensor, Tensor, float]]:
    """Unit rows, of which some are near each other, some beyond the margin and one pair is antipodal."""
    inputs = []
    for d, margin in ((4, 1.0), (2, 1.5)):
        generator = torch.Generator().manual_seed(d)
        u = torch.randn(2, 12, d, generator=generator, dtype=torch.float64)
        u[1, :4] = u[0, :4] + torch.tensor([[0.5], [0.1], [0.03], [0.015]]) * u[1, :4]
        u[1, 4] = -u[0, 4]
        z = u / u.norm(dim=2, keepdim=True)
        inputs.append((z[0], z[1], margin))
    return inputs


def _judge_prediction(predicted: Any) -> None:
    if predicted is Ellipsis or predicted is None:
        raise Unanswered
    if not isinstance(predicted, Mapping) or set(predicted) != set(RIGHT):
        raise Hint("`predicted` is a dictionary with the keys 'triplet' and 'negative pair'.")
    for name, right in RIGHT.items():
        values = predicted[name]
        if values is Ellipsis or values is None:
            raise Unanswered
        try:
            values = tuple(values)
        except TypeError:
            raise Hint(f"For {name!r} give three numbers: {', '.join(WHAT)}.") from None
        if any(value is Ellipsis or value is None for value in values):
            raise Unanswered
        if len(values) != 3 or any(numbers(value).ndim for value in values):
            raise Hint(f"For {name!r} give three numbers: {', '.join(WHAT)}.")
        for what, value, wanted in zip(WHAT, values, right, strict=True):
            if not same(numbers(value), numbers(wanted), 1e-2):
                raise Hint(_question(name, what, float(numbers(value))))


def _question(name: str, what: str, value: float) -> str:
    """What to ask somebody who predicted a wrong number."""
    if (name, what, value) == ("triplet", "the value", 0.0):
        return PREDICTIONS["no loss"].hint
    if (name, what) == ("negative pair", "the gradient at the point") and value != 0:
        return PREDICTIONS["pushes at once"].hint
    if (name, what, value) == ("negative pair", "the gradient beside it", 0.0):
        return PREDICTIONS["weak beside"].hint
    return f"{what.capitalize()} of the {name} is not {value:g}."
