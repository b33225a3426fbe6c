"""Further channels whose weights start at 0: nothing changes, and yet they learn from the first step on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad
from torch.nn.grad import conv2d_weight

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import compare
from segkit.exercises.mask_prior import layers
from segkit.exercises.mask_prior.layers import judge_layer, widened
from segkit.exercises.mask_prior.room import ROOM
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong, exercise


def _gradient(masks: Tensor, delta: Tensor) -> Tensor:
    shape = (delta.shape[1], masks.shape[1], 3, 3)
    return conv2d_weight(masks, shape, delta, padding=1)  # type: ignore[arg-type]


def _by_hand(masks: Tensor, delta: Tensor, *, mode: str = "constant") -> Tensor:
    """Correlates errors and masks, as a convolution whose batch are the channels of the masks."""
    around = pad(masks, (1, 1, 1, 1), mode)
    return conv2d(around.transpose(0, 1), delta.transpose(0, 1)).transpose(0, 1)


def _by_machine(masks: Tensor, delta: Tensor) -> Any:
    weight = torch.zeros(delta.shape[1], masks.shape[1], 3, 3, dtype=masks.dtype, requires_grad=True)
    (conv2d(masks, weight, padding=1) * delta).sum().backward()
    return weight.grad


MISTAKES = {
    "zero": Wrong(
        lambda masks, delta: torch.zeros(delta.shape[1], masks.shape[1], 3, 3),
        "A weight of 0 passes nothing on, but its own gradient is input times error; neither of them is 0.",
    ),
    "mirrored": Wrong(
        lambda masks, delta: _by_hand(masks, delta).flip(2, 3),
        "Your kernel is mirrored: the output at x reads the mask at x + k, and the gradient pairs these two.",
    ),
    "swapped": Wrong(
        lambda masks, delta: _by_hand(masks, delta).transpose(0, 1),
        "Output channels come first in the weight of a convolution, input channels second.",
    ),
    "mean": Wrong(
        lambda masks, delta: _by_hand(masks, delta) / len(masks),
        "You average over the batch: `delta` is the gradient of the loss, with whatever mean that takes.",
    ),
    "mean of pixels": Wrong(
        lambda masks, delta: _by_hand(masks, delta) / delta[:, 0].numel(),
        "A weight is used at every pixel, and its gradient is the sum over them, not the mean.",
    ),
    "replicated": Wrong(
        lambda masks, delta: _by_hand(masks, delta, mode="replicate"),
        "Right but for the border: outside the image this convolution reads zeros.",
    ),
    "one offset": Wrong(
        lambda masks, delta: torch.einsum("bchw,bohw->oc", masks, delta)[..., None, None].repeat(1, 1, 3, 3),
        "All nine weights of a kernel have one gradient in yours; each reads the mask at another offset.",
    ),
}


@exercise(
    "mask_prior.zero_start",
    kind="derive",
    minutes=15,
    start="Write the output as a sum over offsets k of weight times mask at x + k, and differentiate by one.",
    wrong={
        **{name: Wrong((each.answer, _by_hand), each.hint) for name, each in layers.MISTAKES.items()},
        **{f"gradient: {name}": Wrong((widened, each.answer), each.hint) for name, each in MISTAKES.items()},
        "by machine": Wrong((widened, _by_machine), "Your function differentiates automatically"),
        "first alone": Wrong(widened, "Pass all parts to check(): (widened, new_gradient)"),
    },
)
def check_zero_start(answer: Any) -> None:
    widen, new_gradient = parts(answer, "widened", "new_gradient")
    with torch.random.fork_rng(devices=[]), part("widened"):
        torch.manual_seed(0)
        judge_layer(widen, nn.Conv2d(1, 4, 3, padding=1), 1)
        judge_layer(widen, nn.Conv3d(2, 3, (1, 3, 3), stride=2, padding=(0, 1, 1), bias=False), 3)
        judge_layer(widen, nn.Conv2d(3, 2, 5, padding=4, dilation=2, padding_mode="replicate"), 2)
    generator = torch.Generator().manual_seed(1)
    inputs = []
    for b, c, o, h, w in ((2, 1, 3, 6, 7), (3, 2, 2, 5, 4), (1, 3, 1, 8, 8)):
        masks = (torch.rand(b, c, h, w, generator=generator) < 0.5).double()
        inputs.append((masks, torch.randn(b, o, h, w, generator=generator, dtype=torch.float64)))
    with part("new_gradient"):
        call_by_hand(new_gradient, *inputs[0], room=ROOM, derivatives=True)
        compare(new_gradient, _gradient, inputs, mistakes=MISTAKES, tolerance=1e-6)
