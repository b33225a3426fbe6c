"""The gradients of cross-entropy and Dice, and a Dice loss over valid voxels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from segkit.exercises.judging import Hint, call, compare
from segkit.exercises.registry import Wrong, exercise


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _hot(labels: Any, n_classes: int) -> Tensor:
    return one_hot(torch.as_tensor(labels), n_classes).double()


def _softmax_gradient(logits: Any, labels: Any) -> Tensor:
    leaf = torch.as_tensor(logits).clone().requires_grad_()
    return torch.autograd.grad(cross_entropy(leaf, torch.as_tensor(labels)), leaf)[0]


def _excess(logits: Any, labels: Any) -> Tensor:
    """Probability minus truth."""
    return torch.as_tensor(logits).softmax(1) - _hot(labels, logits.shape[1])


SOFTMAX_GRADIENT = {
    "sum": Wrong(_excess, "N times too large: the loss is the mean over the voxels."),
    "sign": Wrong(
        lambda logits, labels: -_excess(logits, labels) / len(logits),
        "The sign is turned: a step against the gradient must raise the logit of the true class.",
    ),
    "truth forgotten": Wrong(
        lambda logits, labels: torch.as_tensor(logits).softmax(1) / len(logits),
        "Every logit would be pushed down: the derivative of the true class's own logit has one term more.",
    ),
    "squared error": Wrong(
        lambda logits, labels: (
            _excess(logits, labels) * (p := torch.as_tensor(logits).softmax(1)) * (1 - p) / len(logits)
        ),
        "The factor p (1 − p) belongs to the squared error; the logarithm cancels it.",
    ),
}


@exercise(
    "unet.softmax_gradient",
    kind="derive",
    minutes=10,
    start="Write the loss of a voxel as log Σ exp z − z of the true class; differentiate both terms by z_k.",
    wrong=SOFTMAX_GRADIENT,
)
def check_softmax_gradient(answer: Any) -> None:
    inputs = [
        (
            3 * torch.randn(n, k, generator=_generator(n), dtype=torch.float64),
            torch.randint(k, (n,), generator=_generator(k)),
        )
        for n, k in ((5, 3), (8, 2))
    ]
    compare(answer, _softmax_gradient, inputs, mistakes=SOFTMAX_GRADIENT)


def _dice_gradient(p: Any, y: Any) -> Tensor:
    leaf = torch.as_tensor(p).clone().requires_grad_()
    truth = torch.as_tensor(y)
    return torch.autograd.grad(1 - 2 * (leaf * truth).sum() / (leaf.sum() + truth.sum()), leaf)[0]


DICE_GRADIENT = {
    "fixed denominator": Wrong(
        lambda p, y: -2 * y / (p.sum() + y.sum()),
        "You held the denominator fixed, but it contains p as well: background voxels need a gradient too.",
    ),
    "sign": Wrong(
        lambda p, y: -_dice_gradient(p, y),
        "The sign is turned: the loss is one minus the ratio.",
    ),
    "one power short": Wrong(
        lambda p, y: _dice_gradient(p, y) * (p.sum() + y.sum()),
        "The quotient rule divides by the square of the denominator.",
    ),
    "squares": Wrong(
        lambda p, y: -2 * (y * (s := (p**2).sum() + (y**2).sum()) - 2 * p * (p * y).sum()) / s**2,
        "That is the gradient of the variant with p² in the denominator; here it is p.",
    ),
}


@exercise(
    "unet.dice_gradient",
    kind="derive",
    minutes=15,
    start="Call the overlap I = Σ p y and the sizes S = Σ p + Σ y. How does each of them depend on one p_i?",
    wrong=DICE_GRADIENT,
)
def check_dice_gradient(answer: Any) -> None:
    inputs = []
    for n in (4, 9):
        y = (torch.arange(n) % 3 == 0).double()
        inputs.append((torch.rand(n, generator=_generator(n), dtype=torch.float64), y))
    compare(answer, _dice_gradient, inputs, mistakes=DICE_GRADIENT)


def _soft_dice(probs: Tensor, labels: Tensor, *, factor: float = 2.0, axes: str = "image") -> Tensor:
    valid = (labels >= 0).unsqueeze(1).to(probs.dtype)
    truth = one_hot(labels.clamp(min=0), probs.shape[1]).movedim(-1, 1).to(probs.dtype) * valid
    over = tuple(range(2, probs.ndim)) if axes == "image" else (0, *range(2, probs.ndim))
    overlap = (probs * truth).sum(over)
    sizes = (probs * valid).sum(over) + truth.sum(over)
    return (1 - (factor * overlap + 1e-5) / (sizes + 1e-5)).mean()


def _unmasked_size(probs: Tensor, labels: Tensor) -> Tensor:
    truth = one_hot(labels.clamp(min=0), probs.shape[1]).movedim(-1, 1).to(probs.dtype)
    truth = truth * (labels >= 0).unsqueeze(1)
    over = tuple(range(2, probs.ndim))
    overlap = (probs * truth).sum(over)
    return (1 - (2 * overlap + 1e-5) / (probs.sum(over) + truth.sum(over) + 1e-5)).mean()


def _hard(probs: Tensor, labels: Tensor) -> Tensor:
    return _soft_dice(one_hot(probs.argmax(1), probs.shape[1]).movedim(-1, 1).to(probs.dtype), labels)


SOFT_DICE = {
    "ignored as background": Wrong(
        lambda probs, labels: _soft_dice(probs, labels.clamp(min=0)),
        "You count ignored voxels as background: a voxel with label −1 must leave every sum.",
    ),
    "size not masked": Wrong(
        _unmasked_size,
        "An ignored voxel still counts in the size of the prediction: mask p in the denominator as well.",
    ),
    "factor of two": Wrong(
        lambda probs, labels: _soft_dice(probs, labels, factor=1.0),
        "A perfect prediction would have loss 0.5: the overlap counts twice.",
    ),
    "whole batch": Wrong(
        lambda probs, labels: _soft_dice(probs, labels, axes="batch"),
        "Your sums run over the whole batch; a ratio for each image and class is asked for, then their mean.",
    ),
    "argmax": Wrong(_hard, "You round the probabilities: a step function has no gradient to learn from."),
    "cut off": Wrong(
        lambda probs, labels: _soft_dice(probs.detach(), labels),
        "The value is right but no gradient flows back: stay with torch and do not detach.",
    ),
}


@exercise(
    "unet.soft_dice",
    kind="implement",
    minutes=15,
    start="Make `valid` from the labels first, then a one-hot truth that is zero where a voxel is ignored.",
    wrong=SOFT_DICE,
)
def check_soft_dice(answer: Any) -> None:
    inputs = []
    for shape, k in (((2, 6, 5), 3), ((3, 4, 3, 2), 2)):
        logits = torch.randn(shape[0], k, *shape[1:], generator=_generator(k), dtype=torch.float64)
        labels = torch.randint(-1, k, shape, generator=_generator(9))
        inputs.append((logits.softmax(1), labels))
    compare(answer, _soft_dice, inputs, mistakes=SOFT_DICE)
    probs, labels = inputs[0]
    loss = call(answer, probs.clone().requires_grad_(), labels)
    if not getattr(loss, "requires_grad", False):
        raise Hint(SOFT_DICE["cut off"].hint)
