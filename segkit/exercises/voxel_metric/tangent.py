"""The gradient of a triplet through the normalisation: tangent to the sphere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call, compare, numbers, same
from segkit.exercises.registry import Wrong, exercise
from segkit.voxel_metric import triplet_pair

Gradient = Callable[[Tensor, float], Tensor]


def _hinge(u: Tensor, margin: float) -> Tensor:
    z = u / u.norm(dim=1, keepdim=True)
    return ((z[0] - z[1]).square().sum() - (z[0] - z[2]).square().sum() + margin).relu()


def _by_machine(u: Tensor, margin: float) -> Tensor:
    leaf = u.clone().requires_grad_()
    return torch.autograd.grad(_hinge(leaf, margin), leaf)[0]


def _slopes(z: Tensor) -> Tensor:
    """The gradient by z, where the hinge is active."""
    a, p, n = z
    return 2 * torch.stack([n - p, p - a, a - n])


def _gradient(
    u: Tensor,
    margin: float,
    *,
    slopes: Callable[[Tensor], Tensor] = _slopes,
    project: bool = True,
    power: int = 1,
    active: bool = False,
) -> Tensor:
    norm = u.norm(dim=1, keepdim=True)
    z = u / norm
    if not active and _hinge(u, margin) == 0:
        return torch.zeros_like(u)
    slope = slopes(z)
    if project:
        slope = slope - z * (z * slope).sum(1, keepdim=True)
    return slope / norm**power


def _unsquared(z: Tensor) -> Tensor:
    a, p, n = z
    near, far = (a - p) / (a - p).norm(), (a - n) / (a - n).norm()
    return torch.stack([near - far, -near, far])


def _crossed(u: Tensor, margin: float) -> Tensor:
    """Projects along u instead of z."""
    norm = u.norm(dim=1, keepdim=True)
    if _hinge(u, margin) == 0:
        return torch.zeros_like(u)
    slope = _slopes(u / norm)
    return (slope - u * (u * slope).sum(1, keepdim=True)) / norm


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda u, margin: _gradient(u, margin, **changes), hint)


MISTAKES = {
    "by z": _mistake(
        "That is the gradient by z. The net gives u, and moves z only through the division by the length.",
        project=False,
        power=0,
    ),
    "length only": _mistake(
        "A part of your gradient points along u: there only the length changes, which z does not see.",
        project=False,
    ),
    "projection only": _mistake(
        "Yours does not depend on the length of u, but the longer u is, the less a step of one turns it.",
        power=0,
    ),
    "length twice": _mistake(
        "You divide by the length twice; the projection has unit vectors in it.", power=2
    ),
    "along u": Wrong(_crossed, "You project with u; a projection along a direction needs its unit vector."),
    "never satisfied": _mistake(
        "Where the margin holds the loss is 0, and so it is all around: its gradient is too.", active=True
    ),
    "un-squared": _mistake("Those are the gradients of distances; D is a squared one.", slopes=_unsquared),
    "anchor alone": _mistake(
        "The positive and the negative move as well: the loss depends on all three.",
        slopes=lambda z: _slopes(z) * torch.tensor([[1.0], [0.0], [0.0]], dtype=z.dtype),
    ),
    "sign": _mistake(
        "The sign is turned: against the gradient the positive must come nearer to the anchor.",
        slopes=lambda z: -_slopes(z),
    ),
}
LENT = {
    "library": Wrong(
        lambda u, margin: torch.autograd.grad(
            triplet_pair(
                leaf := u.clone().requires_grad_(), torch.tensor([0, 0, 1]), margin=margin, mining="batch-all"
            ).triplet,
            leaf,
        )[0],
        "Your function calls `triplet_pair` of segkit",
    ),
    "by machine": Wrong(_by_machine, "Your function differentiates automatically"),
    "single precision": Wrong(
        lambda u, margin: _gradient(u.float(), margin),
        "Right to about six digits: stay in float64 and the rest is right too.",
    ),
}


@exercise(
    "voxel_metric.tangent_gradient",
    kind="derive",
    minutes=15,
    start="First the gradient by z, as if z were free. Then: how does z = u / ‖u‖ move when u does?",
    wrong={**MISTAKES, **LENT},
)
def check_tangent_gradient(answer: Any) -> None:
    inputs = _inputs()
    call_by_hand(answer, *inputs[0], room="segkit.voxel_metric", derivatives=True)
    try:
        compare(answer, _by_machine, inputs, mistakes=MISTAKES, tolerance=1e-5)
    except Hint as hint:
        if all(str(hint) != mistake.hint for mistake in MISTAKES.values()):
            _judge_geometry(answer, *inputs[0])
        raise
    if not all(same(numbers(call(answer, *each)), numbers(_by_machine(*each)), 1e-11) for each in inputs):
        raise Hint(LENT["single precision"].hint)


def _inputs() -> list[tuple[Tensor, float]]:
    """Active triplets of vectors of all lengths, one that is satisfied, and three that point the same way."""
    inputs = []
    for d, margin in ((3, 4.0), (8, 2.5), (2, 3.0)):
        generator = torch.Generator().manual_seed(d)
        lengths = torch.tensor([[0.3], [2.0], [7.0]], dtype=torch.float64)
        inputs.append((lengths * torch.randn(3, d, generator=generator, dtype=torch.float64), margin))
    satisfied = torch.tensor([[2.0, 0.1], [0.5, 0.0], [-0.3, 3.0]], dtype=torch.float64)
    one_way = torch.tensor([[3.0, 4.0, 0.0], [0.6, 0.8, 0.0], [1.5, 2.0, 0.0]], dtype=torch.float64)
    return [*inputs, (satisfied, 0.2), (one_way, 0.2)]


def _judge_geometry(answer: Gradient, u: Tensor, margin: float) -> None:
    """Say which property of the gradient a wrong answer lacks."""
    given = numbers(call(answer, u, margin))
    if given.shape != tuple(u.shape):
        return
    along = (given * numbers(u)).sum(1) / numbers(u.norm(dim=1))
    if abs(along).max() > 1e-4 * abs(given).max():
        raise Hint("Your gradient is not tangent to the sphere: its product with u is not 0.")
    if not same(numbers(call(answer, 2 * u, margin)), given / 2, 1e-4):
        raise Hint("Your gradient does not halve when all three vectors become twice as long.")
