"""Two control arms, a stranger's mask and a constant channel: right ones, usual wrong ones, and the judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.data import Case
from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, numbers
from segkit.exercises.mask_prior.room import ROOM
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong
from segkit.mask_prior import with_maps, with_strangers_masks

Names = Sequence[str]
Arm = Callable[[Tensor, Names], Tensor]


def _strangers(masks: Tensor, patients: Names) -> Tensor:
    order = sorted(range(len(patients)), key=lambda i: patients[i])
    most = max(list(patients).count(name) for name in patients)
    donors = order[most:] + order[:most]
    return masks[torch.tensor(donors)[torch.tensor(order).argsort()]]


def _ones(masks: Tensor, patients: Names) -> Tensor:
    return torch.ones_like(masks)


def right_arms(masks: Tensor, patients: Names) -> tuple[Tensor, Tensor]:
    """The right answer."""
    return _strangers(masks, patients), _ones(masks, patients)


def _both(strangers: Arm = _strangers, constant: Arm = _ones) -> Callable[..., tuple[Tensor, Tensor]]:
    return lambda masks, patients: (strangers(masks, patients), constant(masks, patients))


def _shuffled(masks: Tensor, patients: Names) -> Tensor:
    """As many voxels as the stranger's mask has, anywhere."""
    flat = _strangers(masks, patients).flatten(1)
    order = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(0))
    return flat[:, order].view(masks.shape)


def _first_stranger(masks: Tensor, patients: Names) -> Tensor:
    return torch.stack([masks[next(j for j, p in enumerate(patients) if p != own)] for own in patients])


def _random(masks: Tensor, patients: Names) -> Tensor:
    return masks[torch.randperm(len(masks), generator=torch.Generator().manual_seed(1))]


def _by_library(masks: Tensor, patients: Names) -> Tensor:
    cases = [
        with_maps(Case(torch.zeros(1, *mask.shape), None, None, np.eye(4), str(i), name), mask=mask)
        for i, (mask, name) in enumerate(zip(masks.bool(), patients, strict=True))
    ]
    return torch.stack([case.meta["stranger"] for case in with_strangers_masks(cases, cases, seed=0)])


STRANGERS_AND_CONSTANT = {
    "random order": Wrong(_both(_random), "keeps its own mask"),
    "next image": Wrong(
        _both(lambda masks, patients: masks.roll(1, 0)), "of the same patient, which shows nearly the same"
    ),
    "first stranger": Wrong(_both(_first_stranger), "is lent more than once"),
    "shuffled voxels": Wrong(_both(_shuffled), "gets a mask that nobody has"),
    "by library": Wrong(_both(_by_library), "Your function calls"),
    "zeros": Wrong(
        _both(constant=lambda masks, patients: torch.zeros_like(masks)),
        "A channel of zeros sends no gradient to its weights: it is as if they were not there.",
    ),
    "shares": Wrong(
        _both(
            constant=lambda masks, patients: masks.mean(tuple(range(1, masks.ndim)), keepdim=True).expand(
                masks.shape
            )
        ),
        "Each image has a constant of its own in yours, and that tells how large the structure is.",
    ),
    "template": Wrong(
        _both(constant=lambda masks, patients: masks.mean(0, keepdim=True).expand(masks.shape)),
        "Your constant differs from voxel to voxel: that is a template, and knows where the structure lies.",
    ),
    "one arm": Wrong(_strangers, "Return both arms: (strangers, constant)."),
}


def judge_arms(answer: Any) -> None:
    """Let a function build both arms for several batches.

    Raises:
        Unanswered, Hint: the first thing that is wrong.
    """
    generator = torch.Generator().manual_seed(0)
    for patients in ("abcde", "aabbccdd", "abacad", "cabcab", "xy"):
        names = list(patients)
        masks = (torch.rand(len(names), 6, 5, 4, generator=generator) < 0.4).float()
        given = call_by_hand(answer, masks, names, room=ROOM)
        if isinstance(given, Tensor) and given.shape != (2, *masks.shape):
            raise Hint(STRANGERS_AND_CONSTANT["one arm"].hint)
        strangers, constant = (numbers(each) for each in parts(given, "strangers", "constant"))
        with part("strangers"):
            _judge_strangers(strangers, masks.numpy(), names)
        with part("constant"):
            _judge_constant(constant, masks.numpy())


def _judge_strangers(given: NDArray, masks: NDArray, patients: Names) -> None:
    _judge_shape(given, masks)
    donors = []
    for i, mask in enumerate(given):
        same = [j for j, other in enumerate(masks) if np.array_equal(mask, other)]
        if not same:
            raise Hint(
                f"Image {i} gets a mask that nobody has: lend masks as they are, so that one looks real."
            )
        donors.append(same[0])
    where = f"In a batch of the patients {', '.join(patients)}"
    for i, donor in enumerate(donors):
        if donor == i:
            raise Hint(f"{where} image {i} keeps its own mask: the control holds what it is to withhold.")
    for i, donor in enumerate(donors):
        if patients[donor] == patients[i]:
            raise Hint(
                f"{where} image {i} gets a mask of the same patient, which shows nearly the same organ."
            )
    twice = next((j for j in donors if donors.count(j) > 1), None)
    if twice is not None:
        raise Hint(
            f"{where} mask {twice} is lent more than once: lend each once, else the arm sees other masks."
        )


def _judge_constant(given: NDArray, masks: NDArray) -> None:
    _judge_shape(given, masks)
    each = given.reshape(len(given), -1)
    if (each.max(1) > each.min(1)).any():
        raise Hint(STRANGERS_AND_CONSTANT["template"].hint)
    if given.max() > given.min():
        raise Hint(STRANGERS_AND_CONSTANT["shares"].hint)
    if not given.any():
        raise Hint(STRANGERS_AND_CONSTANT["zeros"].hint)


def _judge_shape(given: NDArray, masks: NDArray) -> None:
    if given.shape != masks.shape:
        raise Hint(f"The shape is {given.shape}; one channel for each image is asked for, {masks.shape}.")
