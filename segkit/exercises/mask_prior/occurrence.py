"""Occurrence maps that leave out the patient they are made for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segkit.data import Case
from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call, compare, numbers, same
from segkit.exercises.mask_prior.room import ROOM
from segkit.exercises.registry import Wrong, exercise
from segkit.mask_prior import OccurrenceMaps

Names = Sequence[str]


def _hot(labels: Tensor, n_classes: int) -> Tensor:
    return torch.stack([(labels == c).float() for c in range(1, n_classes)], 1)


def _maps(labels: Tensor, patients: Names, n_classes: int) -> Tensor:
    hot = _hot(labels, n_classes)
    others = torch.tensor([[own != other for other in patients] for own in patients]).float()
    shares = others / others.sum(1, keepdim=True)
    return torch.einsum("ij,j...->i...", shares, hot)


def _one_left_out(labels: Tensor, patients: Names, n_classes: int) -> Tensor:
    hot = _hot(labels, n_classes)
    return (hot.sum(0) - hot) / (len(hot) - 1)


def _of_all_images(labels: Tensor, patients: Names, n_classes: int) -> Tensor:
    others = torch.tensor([[own != other for other in patients] for own in patients]).float()
    scale = others.mean(1).reshape(-1, *(1,) * labels.ndim)
    return _maps(labels, patients, n_classes) * scale


def _by_patient(labels: Tensor, patients: Names, n_classes: int) -> Tensor:
    """First the mean of each patient's images, then that of the other patients."""
    hot, names = _hot(labels, n_classes), list(dict.fromkeys(patients))
    means = torch.stack([hot[[own == name for own in patients]].mean(0) for name in names])
    each = torch.stack([means[[other != own for other in names]].mean(0) for own in names])
    return each[[names.index(own) for own in patients]]


def _with_background(labels: Tensor, patients: Names, n_classes: int) -> Tensor:
    return _maps(labels + 1, patients, n_classes + 1)


def _by_library(labels: Tensor, patients: Names, n_classes: int) -> Tensor:
    classes = tuple(f"class {c}" for c in range(n_classes))
    cases = [
        Case(torch.zeros(1, *label.shape), label, None, np.eye(4), f"image {i}", name, classes)
        for i, (label, name) in enumerate(zip(labels, patients, strict=True))
    ]
    maps = OccurrenceMaps(cases)
    return torch.stack([maps.for_case(case) for case in cases])


MISTAKES = {
    "nobody left out": Wrong(
        lambda labels, patients, n: (m := _hot(labels, n).mean(0)).expand(len(labels), *m.shape),
        "All images get the same map, with their own labels in it: a network would learn to read these off.",
    ),
    "image left out": Wrong(
        _one_left_out,
        "You leave out the image, but the other images of its patient stay, and they show nearly the same.",
    ),
    "divided by all": Wrong(
        _of_all_images,
        "You divide by the number of all images; fewer were counted, and where all of them agree the share "
        "is 1.",
    ),
    "counts": Wrong(
        lambda labels, patients, n: _of_all_images(labels, patients, n) * len(patients),
        "Those are numbers of images; shares between 0 and 1 were asked for.",
    ),
    "patients": Wrong(
        _by_patient,
        "You average patients; every image of another patient was to count alike.",
    ),
    "background": Wrong(
        _with_background,
        "You have a map of the background as well; what the others leave of 1 is known without it.",
    ),
    "own patient": Wrong(
        lambda labels, patients, n: torch.stack(
            [_hot(labels, n)[[own == other for other in patients]].mean(0) for own in patients]
        ),
        "That is the map of the patient's own images: the others were asked for.",
    ),
}
LEAK = Wrong(
    lambda labels, patients, n: (
        (3 * _maps(labels, patients, n) + MISTAKES["own patient"].answer(labels, patients, n)) / 4
    ),
    "A map changes when labels of its own patient do, but at test time there will be none.",
)
_INPUTS = (("baacba", 3, (4, 5)), ("1123", 2, (3, 2, 4)), ("xy", 4, (6, 7)))
"""The patient of each image (one letter each), the number of classes, the shape."""


@exercise(
    "mask_prior.leave_one_out",
    kind="implement",
    minutes=10,
    start="Which images may the map of image j be made of? Take the share of these that have the class.",
    wrong={
        **MISTAKES,
        "leak": LEAK,
        "library": Wrong(_by_library, "Your function calls `for_case` of segkit"),
    },
)
def check_leave_one_out(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.randint(0, n_classes, (len(names), *shape), generator=generator), list(names), n_classes)
        for names, n_classes, shape in _INPUTS
    ]
    call_by_hand(answer, *inputs[0], room=ROOM)
    try:
        compare(answer, _maps, inputs, mistakes=MISTAKES)
    except Hint as hint:
        known = any(str(hint) == mistake.hint for mistake in MISTAKES.values())
        raise Hint(LEAK.hint) if not known and _leaks(answer, *inputs[0]) else hint from None


def _leaks(answer: Any, labels: Tensor, patients: Names, n_classes: int) -> bool:
    """Whether the first map notices that other labels are given to its patient."""
    own = torch.tensor([name == patients[0] for name in patients])
    changed = labels.clone()
    changed[own] = n_classes - 1 - labels[own]
    before, after = (numbers(call(answer, each, patients, n_classes)) for each in (labels, changed))
    return before.shape[:1] == (len(labels),) and not same(before[0], after[0], 1e-6)
