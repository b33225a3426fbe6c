"""The instruments of `segkit.losses.properties`: examples, values with gradients, comparisons, memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import torch
from torch import Tensor

from segkit.losses.inputs import IGNORE

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""`loss(logits, labels, valid)` → scalar; labels may be IGNORE, valid may be None."""

CLASSES = 3


class NotOfferedError(Exception):
    """Raised by a loss that has no way to do what a property asks for, such as ignoring a voxel."""


def fail(sentence: str) -> NoReturn:
    """Raise an AssertionError, also under `python -O`."""
    raise AssertionError(sentence)


def require_close(actual: Tensor, expected: Tensor, sentence: str, *, tolerance: float = 1e-6) -> None:
    """Fail unless two tensors agree within `tolerance`, relative to 1 + |expected|.

    The default lets a loss pass that computes in float32 inside; oracles and numerical gradients are
    stricter.
    """
    difference = (
        ((actual - expected).abs() / (1 + expected.abs())).max() if expected.numel() else actual.sum()
    )
    if not bool(difference <= tolerance):  # NaN fails, too
        fail(
            f"{sentence}: {actual.detach().flatten()[:3].tolist()} against {expected.flatten()[:3].tolist()}"
        )


def example(
    *size: int, batch: int = 2, classes: int = CLASSES, ignored: bool = False, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Random float64 logits (B, K, *S) that want a gradient, and labels with every class, and some IGNORE."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, classes, *size, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, classes, (batch, *size), generator=generator)
    rows = labels.view(batch, -1)
    rows[:, : min(classes, rows.shape[1])] = torch.arange(classes)[: rows.shape[1]]
    if ignored:
        rows[:, 1::3] = IGNORE
    return logits.requires_grad_(), labels


def value_and_gradient(
    loss: Loss, logits: Tensor, labels: Tensor, valid: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The loss and its gradient by the logits, both detached."""
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, labels, valid)
    if value.ndim or not value.requires_grad:
        fail(f"the loss is not a scalar that is connected to the logits: {value}")
    (gradient,) = torch.autograd.grad(value, logits)
    return value.detach(), gradient


def require_true_gradient(loss: Loss, logits: Tensor, labels: Tensor) -> None:
    """Fail unless the gradient is that of the value by central differences in float64."""
    try:
        torch.autograd.gradcheck(lambda z: loss(z, labels, None), (logits,), nondet_tol=0.0)
    except RuntimeError as error:  # gradcheck's own error is a RuntimeError of many lines
        fail(f"the gradient is not that of the value: {str(error).splitlines()[0]}")


def saved_bytes(loss: Loss, logits: Tensor, labels: Tensor) -> int:
    """Bytes that the forward pass keeps for the gradient, besides its inputs; shared storage counts once."""
    inputs = {logits.untyped_storage().data_ptr(), labels.untyped_storage().data_ptr()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in inputs:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = loss(logits, labels, None)  # held, so that no storage is freed and its address used again
    return sum(kept.values()) if value.requires_grad else 0
