"""What normalisation does to a mask, and the input of a network that is spared it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segkit.exercises.judging import Hint, call, compare, numbers
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong, exercise

SHAPE = (8, 16, 16)
"""Of the mask that the task asks for."""


def _standard(x: Tensor, *, eps: float = 0.0) -> Tensor:
    axes = tuple(range(1, x.ndim))
    centred = x - x.mean(axes, keepdim=True)
    return centred / (x.std(axes, correction=0, keepdim=True) + eps)


def _right(image: Tensor, masks: Tensor) -> Tensor:
    return torch.cat([_standard(image, eps=1e-12), masks.to(image)])


def _inside(image: Tensor, masks: Tensor) -> Tensor:
    """Mean and deviation of the voxels of the first mask only."""
    own = image[:, masks[0]]
    keep = (-1, *(1,) * (image.ndim - 1))
    mean = own.mean(1).reshape(keep)
    deviation = ((own - own.mean(1, keepdim=True)) ** 2).mean(1).sqrt().reshape(keep)
    return torch.cat([(image - mean) / (deviation + 1e-12), masks.to(image)])


def _with_masks(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda image, masks: torch.cat([_standard(image, eps=1e-12), change(masks.to(image))])


MISTAKES = {
    "all channels": Wrong(
        _with_masks(_standard),
        "You z-score the masks too: one that covers the whole image has the deviation 0 and becomes NaN.",
    ),
    "epsilon": Wrong(
        _with_masks(lambda masks: _standard(masks, eps=1e-6)),
        "A full mask and an empty one come out alike: z-scored they are both 0, whatever stands below.",
    ),
    "centred": Wrong(
        _with_masks(lambda masks: masks - masks.mean(tuple(range(1, masks.ndim)), keepdim=True)),
        "Taking the mean off a mask makes a full one equal to an empty one; leave it 0 and 1.",
    ),
    "signs": Wrong(
        _with_masks(lambda masks: 2 * masks - 1), "Your masks are −1 and 1; 0 and 1 were asked for."
    ),
    "one stack": Wrong(
        lambda image, masks: _standard(torch.cat([image, masks.to(image)])[None], eps=1e-12)[0],
        "You take one mean over image and masks together, so that the mask decides how the image looks.",
    ),
    "channels together": Wrong(
        lambda image, masks: torch.cat([_standard(image[None], eps=1e-12)[0], masks.to(image)]),
        "Each channel of the image has a unit of its own, and needs a mean and a deviation of its own.",
    ),
    "constant image": Wrong(
        lambda image, masks: torch.cat([_standard(image), masks.to(image)]),
        "A constant channel of the image becomes NaN: 0 divided by 0. It is to be 0.",
    ),
    "as it is": Wrong(
        lambda image, masks: torch.cat([image, masks.to(image)]),
        "The image is not normalised: its channels keep mean and deviation.",
    ),
    "inside": Wrong(
        _inside,
        "You normalise by the voxels inside the mask, and an empty mask leaves none: take the whole image.",
    ),
    "masks first": Wrong(
        lambda image, masks: _right(image, masks).roll(len(masks), 0),
        "The masks stand behind the channels of the image, not before them.",
    ),
}


def _one_voxel() -> np.ndarray:
    mask = np.zeros(SHAPE)
    mask[3, 7, 7] = 1
    return mask


def _half() -> np.ndarray:
    mask = np.zeros(SHAPE)
    mask[:4] = 1
    return mask


@exercise(
    "mask_prior.constant_channel",
    kind="implement",
    minutes=10,
    start="Let a mask have the share p of ones. Which two numbers does (x − mean) / std make of 1 and 0?",
    wrong={
        "constant": Wrong((np.ones(SHAPE), _right), "Your mask is constant"),
        "half": Wrong((_half(), _right), "The largest number in the z-score of yours is 1,"),
        "no mask": Wrong((_one_voxel() * 1e6, _right), "A mask holds zeros and ones"),
        "small": Wrong((np.eye(2), _right), "has the shape (2, 2)"),
        **{name: Wrong((_one_voxel(), each.answer), each.hint) for name, each in MISTAKES.items()},
    },
)
def check_constant_channel(answer: Any) -> None:
    worst, network_input = parts(answer, "worst", "network_input")
    _judge_worst(numbers(worst))
    generator = torch.Generator().manual_seed(0)
    inputs = []
    units = torch.tensor([900.0, 3.0]).view(2, 1, 1, 1)
    for constant in ({}, {0: True}, {0: False, 1: True}):
        masks = torch.rand(2, 6, 8, 9, generator=generator) < 0.3
        for channel, value in constant.items():
            masks[channel] = value
        inputs.append((units * torch.rand(2, 6, 8, 9, generator=generator) - 200, masks))
    flat = torch.rand(2, 19, 23, generator=generator)
    inputs.append((torch.stack([flat[0], torch.full_like(flat[0], 40.0)]), flat > 0.5))
    with part("network_input"):
        compare(network_input, _right, inputs, mistakes=MISTAKES, tolerance=3e-3)
        found = call(network_input, *inputs[0])
        if getattr(found, "dtype", None) != torch.float32:
            raise Hint("Return a float32 tensor, which is what the network computes with.")


def _judge_worst(mask: np.ndarray) -> None:
    if mask.shape != SHAPE:
        raise Hint(f"`worst` has the shape {mask.shape}; {SHAPE} was asked for.")
    if not np.isin(mask, (0, 1)).all():
        raise Hint("A mask holds zeros and ones, nothing else.")
    share = float(mask.mean())
    if share in (0, 1):
        raise Hint("Your mask is constant: 0 / 0 has no value, large or small. The worst that has one?")
    largest = math.sqrt(max(1 / share, 1 / (1 - share)) - 1)
    if largest < math.sqrt(mask.size - 1) - 1e-6:
        raise Hint(
            f"The largest number in the z-score of yours is {largest:.3g}, up to its sign. With a share p of "
            "ones it is √((1 − p) / p) or its inverse: for which p is that largest?"
        )
