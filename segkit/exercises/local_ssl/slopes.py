"""The gradient of the distance of two directions, with and without a stop-gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import compare
from segkit.exercises.local_ssl.room import ROOM
from segkit.exercises.parts import judge_predictions, part, parts
from segkit.exercises.registry import Wrong, exercise
from segkit.local_ssl import local_consistency

Slopes = tuple[Tensor, Tensor]

RIGHT: dict[str, float | tuple[float, ...]] = {
    "right angle": 1.0,
    "opposite": 0.0,
    "along itself": 0.0,
    "after a step": 2.0,
}
QUESTIONS: dict[str, dict[float | tuple[float, ...] | None, str]] = {
    "right angle": {
        2.0: "That is so for ‖p‖ = 1: a longer p turns less for the same step.",
        0.0: "The cosine is 0, its slope is not: p may still turn towards z.",
        0.5: "Twice the cosine is in the loss.",
        None: "How long is z̄ − (p̄ᵀz̄) p̄ at a right angle, and by what is it divided?",
    },
    "opposite": {
        None: "On the opposite side of the sphere, in which direction would one begin to turn?",
    },
    "along itself": {
        None: "What does the loss do if p becomes longer and keeps its direction?",
    },
    "after a step": {
        1.0: "A step at a right angle to p leads out of the circle.",
        None: "The gradient is −2 z̄ here. Where does a step with η = ½ lead?",
    },
}


def _one(
    p: Tensor, z: Tensor, *, factor: float = -2.0, turned: bool = True, power: int = 1, unit: bool = True
) -> Tensor:
    length = p.norm(dim=1, keepdim=True)
    p_bar, z_bar = p / length, z / z.norm(dim=1, keepdim=True) if unit else z
    along = (p_bar * z_bar).sum(1, keepdim=True) * p_bar
    return factor * (z_bar - along * turned) / length**power


def _slopes(p: Tensor, z: Tensor, stopped: bool, *, second: str = "right", **changes: Any) -> Slopes:
    other = _one(z, p, **changes)
    still = {"right": stopped, "always": True, "never": False}[second]
    return _one(p, z, **changes), 0 * other if still else other


def _by_machine(p: Tensor, z: Tensor, stopped: bool) -> Slopes:
    leaves = p.clone().requires_grad_(), z.clone().requires_grad_()
    target = leaves[1].detach() if stopped else leaves[1]
    loss = (2 - 2 * torch.cosine_similarity(leaves[0], target)).sum()
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    return tuple(torch.zeros_like(p) if each is None else each for each in found)  # type: ignore[return-value]


def _by_library(p: Tensor, z: Tensor, stopped: bool) -> Slopes:
    local_consistency(p[None], z[None])
    return _slopes(p, z, stopped)


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda p, z, stopped: _slopes(p, z, stopped, **changes), hint)


MISTAKES = {
    "sign": _mistake("The sign is turned: a step against the gradient must lead p towards z.", factor=2.0),
    "half": _mistake("A factor of 2 is missing: the squared distance is 2 − 2 p̄ᵀz̄.", factor=-1.0),
    "not on the sphere": _mistake(
        "Yours pulls p along itself as well: the norm of p depends on p, and its derivative is missing.",
        turned=False,
    ),
    "no norm": _mistake(
        "Yours is the gradient by the unit vector p̄; one by p is smaller, the longer p is.", power=0
    ),
    "norm twice": _mistake("You divide by ‖p‖ twice.", power=2),
    "long target": _mistake(
        "Yours grows with the length of the other vector, whose direction alone is compared.", unit=False
    ),
    "through the stop": _mistake(
        "Your z gets a gradient even where it is stopped: it is then a constant.", second="never"
    ),
    "stops always": _mistake(
        "Your z never gets a gradient. Without the stop the loss is symmetric: exchange p and z.",
        second="always",
    ),
    "all stopped": Wrong(
        lambda p, z, stopped: tuple(each * (not stopped) for each in _slopes(p, z, stopped)),
        "The stop takes the gradient of p away in yours; it is there for z alone.",
    ),
}


def _but(name: str, value: float) -> dict[str, Any]:
    return {**RIGHT, name: value}


@exercise(
    "local_ssl.slopes",
    kind="derive",
    minutes=15,
    start="Write p̄ᵀz̄ as pᵀz̄ / ‖p‖ and differentiate the quotient. What is the derivative of ‖p‖?",
    wrong={
        **{name: Wrong((RIGHT, each.answer), f"`slopes`: {each.hint}") for name, each in MISTAKES.items()},
        "by machine": Wrong((RIGHT, _by_machine), "Your function differentiates automatically"),
        "library": Wrong((RIGHT, _by_library), "Your function calls `local_consistency` of segkit"),
        "short": Wrong((_but("right angle", 2.0), _slopes), "That is so for ‖p‖ = 1"),
        "steep": Wrong((_but("opposite", 4.0), _slopes), "in which direction would one begin to turn"),
        "on the circle": Wrong((_but("after a step", 1.0), _slopes), "leads out of the circle"),
    },
)
def check_slopes(answer: Any) -> None:
    predicted, slopes = parts(answer, "predicted", "slopes")
    with part("predicted"):
        judge_predictions(predicted, RIGHT, QUESTIONS)
    inputs = []
    for number, stopped in enumerate((True, False, True, False)):
        generator = torch.Generator().manual_seed(number)
        p, z = 3 * torch.randn(2, 7, 4, generator=generator, dtype=torch.float64)
        inputs.append((p, z, stopped))
    with part("slopes"):
        call_by_hand(slopes, *inputs[0], room=ROOM, derivatives=True)
        compare(_joined(slopes), _joined(_slopes), inputs, mistakes=_joined_mistakes(), tolerance=1e-6)


def _joined(slopes: Any) -> Any:
    """The function with both gradients in one tensor."""

    def joined(p: Tensor, z: Tensor, stopped: bool) -> Any:
        found = slopes(p, z, stopped)
        if found is None or found is Ellipsis:
            return found
        one, other = found
        return torch.stack([torch.as_tensor(each, dtype=p.dtype).expand_as(p) for each in (one, other)])

    return joined if callable(slopes) else slopes


def _joined_mistakes() -> dict[str, Wrong]:
    return {name: Wrong(_joined(each.answer), each.hint) for name, each in MISTAKES.items()}
