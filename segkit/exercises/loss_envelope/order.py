"""Trim first, then select, or the other way round: a batch for which it matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.exercises.judging import Hint, Unanswered, numbers, same
from segkit.exercises.registry import Wrong, exercise

LOSSES = np.array([[0.5, 0.6, 0.7, 0.6, 0.6], [0.1, 0.1, 0.2, 0.1, 4.0], [0.2, 0.3, 0.2, 0.4, 0.3]])
"""The batch of the task: image 0 is hard, image 1 easy with one wrong label, image 2 easy."""
ORDERS = ("trim first", "select first")

Answer = dict[str, tuple[int, NDArray]]


def _weights(image: int, *, dropped: int | None, divisor: int) -> NDArray:
    weights = np.zeros_like(LOSSES)
    weights[image] = 1 / divisor
    if dropped is not None:
        weights[image, dropped] = 0
    return weights


def _answer(trim_first: int, select_first: int, *, trimmed: bool = True, divisor: int = 4) -> Answer:
    """Both images; of each its largest loss is dropped, unless not `trimmed`."""
    return {
        order: (
            image,
            _weights(image, dropped=int(LOSSES[image].argmax()) if trimmed else None, divisor=divisor),
        )
        for order, image in zip(ORDERS, (trim_first, select_first), strict=True)
    }


RIGHT = _answer(0, 1)
MEANS_KEPT = "What the plain means would choose is image 1; the order 'trim first' never sees its 4.0."


@exercise(
    "loss_envelope.trim_first",
    kind="measure",
    minutes=10,
    start="Take the mean of each image twice: without its largest loss, and with all five. Which is largest?",
    wrong={
        "swapped": Wrong(_answer(1, 0), "the two orders are exchanged"),
        "plain means": Wrong(_answer(1, 1), MEANS_KEPT),
        "trimmed means": Wrong(_answer(0, 0), "'select first' looks at all losses, the 4.0 included"),
        "not trimmed": Wrong(
            _answer(0, 1, trimmed=False, divisor=5), "the largest loss of the chosen image still"
        ),
        "divided by five": Wrong(_answer(0, 1, divisor=5), "they belong to a mean of four losses"),
    },
)
def check_trim_first(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(ORDERS):
        raise Hint("Answer with a dictionary that has the keys 'trim first' and 'select first'.")
    images, weights = {}, {}
    for order in ORDERS:
        try:
            image, given = answer[order]
        except (TypeError, ValueError):
            if answer[order] in (None, ...):
                raise Unanswered from None
            raise Hint(f"For '{order}' give a pair: the number of the image, and the weights.") from None
        if image is Ellipsis or given is Ellipsis:
            raise Unanswered
        images[order], weights[order] = float(numbers(image)), numbers(given)
        if weights[order].shape != LOSSES.shape:
            raise Hint(f"Weights have the shape of the losses, {LOSSES.shape}, not {weights[order].shape}.")
    _judge_images(*(images[order] for order in ORDERS))
    for order in ORDERS:
        _judge_weights(order, weights[order])


def _judge_images(trim_first: float, select_first: float) -> None:
    if (trim_first, select_first) == (1, 0):
        raise Hint("You have both images, but the two orders are exchanged: which of them sees the 4.0?")
    if trim_first == 1:
        raise Hint(MEANS_KEPT)
    if select_first == 0:
        raise Hint(
            "Image 0 has the largest trimmed mean, but 'select first' looks at all losses, the 4.0 included."
        )
    for order, image in zip(ORDERS, (trim_first, select_first), strict=True):
        if image != RIGHT[order][0]:
            raise Hint(f"For '{order}': image {image:g} has not the largest mean; the images are 0, 1 and 2.")


def _judge_weights(order: str, weights: NDArray) -> None:
    image, right = RIGHT[order]
    if same(weights, right, 1e-6):
        return
    if weights[image, LOSSES[image].argmax()] != 0:
        raise Hint(f"For '{order}': the largest loss of the chosen image still has a weight.")
    if np.delete(weights, image, axis=0).any():
        raise Hint(f"For '{order}': with k = 1 the other two images have no weight.")
    if not np.isclose(weights.sum(), 1):
        raise Hint(
            f"For '{order}' your weights add up to {weights.sum():.3g}; they belong to a mean of four losses."
        )
    raise Hint(f"For '{order}': what is kept counts alike, and one voxel alone is dropped.")
