"""From an image to class probabilities and labels on its grid: whole or by windows, with test-time flips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import combinations
from typing import Any, cast

import torch
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn

from segkit.errors import ConfigError, DataError

Predictor = Callable[[Tensor], Tensor]
"""Images `(B, C, *S)` → class probabilities `(B, K, *S)`; `Method.predict` is one."""


def predict_probs(
    predictor: Predictor,
    image: Tensor,
    *,
    patch: Sequence[int] | None = None,
    overlap: float = 0.5,
    flips: Sequence[int] = (),
    batch_size: int = 1,
    device: torch.device | str | None = None,
    autocast: torch.dtype | None = None,
) -> Tensor:
    """Class probabilities of one image.

    A patch is cut at every place of a regular grid, and overlapping predictions are averaged with a
    Gaussian weight that trusts the middle of a patch more than its rim (MONAI's
    `sliding_window_inference`). An image smaller than the patch is padded with zeros and the result
    cropped. If `predictor` is a module or a method of one, the module is in evaluation mode during the call
    and as before after it; no gradient is recorded.

    Args:
        predictor: images `(B, C, *S)` → class probabilities `(B, K, *S)`.
        image: one image, shape `(C, *S)`, without batch axis.
        patch: size of the window along each axis of `S`; None gives the whole image to the predictor at once.
        overlap: share of a window that the next one covers again, in [0, 1).
        flips: spatial axes, counted from 0. The result is the mean over every combination of them flipped:
            2, 4 or 8 predictions for 1, 2 or 3 axes.
        batch_size: windows per call of the predictor.
        device: where the predictor runs; default: where the image is. The result lies where the image is.
        autocast: `torch.bfloat16` or `torch.float16` to predict in mixed precision.

    Returns:
        float32, shape `(K, *S)`.

    Raises:
        ConfigError: a patch, overlap or axis that does not fit the image.
        DataError: the image has no spatial axes, or the predictor changed the grid.

    Example:
        >>> image = torch.rand(2, 8, 8)
        >>> probs = predict_probs(lambda x: x.softmax(1), image, patch=(4, 4), flips=(0,))
        >>> torch.allclose(probs, image.softmax(0))
        True
    """
    _check(image, patch, overlap, flips, batch_size)
    device = torch.device(device) if device is not None else image.device
    mixed = torch.autocast(device.type, autocast) if autocast is not None else nullcontext()

    def checked(windows: Tensor) -> Tensor:
        with mixed:
            probs = predictor(windows.to(device))
        if probs.shape[0] != windows.shape[0] or probs.shape[2:] != windows.shape[2:]:
            raise DataError(
                f"the predictor turned windows of shape {tuple(windows.shape)} into {tuple(probs.shape)}: "
                "it must keep the batch and the grid"
            )
        probs = probs.float().to(image.device)
        # MONAI weighs an answer in place: were it a view of the window, the image itself would change.
        shared = probs.untyped_storage().data_ptr() == windows.untyped_storage().data_ptr()
        return probs.clone() if shared else probs

    def once(whole: Tensor) -> Tensor:
        if patch is None:
            return checked(whole)
        blended = sliding_window_inference(
            whole, tuple(patch), batch_size, checked, overlap=overlap, mode="gaussian"
        )
        return cast(Tensor, blended)

    total = torch.zeros((), device=image.device)
    with torch.no_grad(), evaluating(predictor):
        for axes in (c for r in range(len(flips) + 1) for c in combinations(flips, r)):
            where = [axis + 2 for axis in axes]
            total = total + once(image[None].flip(where)).flip(where)[0]
    return total / 2 ** len(flips)


def predict_labels(predictor: Predictor, image: Tensor, **options: Any) -> Tensor:
    """The most probable class of every voxel: int64, shape `(*S)`. Options are those of `predict_probs`."""
    return predict_probs(predictor, image, **options).argmax(0)


@contextmanager
def evaluating(predictor: object) -> Iterator[None]:
    """Evaluation mode for the module behind a predictor, and afterwards each sub-module's own mode again."""
    module = predictor if isinstance(predictor, nn.Module) else getattr(predictor, "__self__", None)
    before = {m: m.training for m in module.modules()} if isinstance(module, nn.Module) else {}
    for m in before:
        m.training = False
    try:
        yield
    finally:
        for m, training in before.items():
            m.training = training


def _check(
    image: Tensor, patch: Sequence[int] | None, overlap: float, flips: Sequence[int], batch_size: int
) -> None:
    dims = image.ndim - 1
    if dims not in (2, 3):
        raise DataError(f"an image must have shape (C, H, W) or (C, D, H, W), not {tuple(image.shape)}")
    if patch is not None and (len(patch) != dims or min(patch) < 1):
        raise ConfigError(
            f"patch must hold {dims} positive sizes, one per axis of the image, not {tuple(patch)}"
        )
    if not 0 <= overlap < 1:
        raise ConfigError(f"overlap must be in [0, 1), not {overlap}")
    if len(set(flips)) != len(flips) or not set(flips) <= set(range(dims)):
        raise ConfigError(f"flips must name different axes of 0 … {dims - 1}, not {tuple(flips)}")
    if batch_size < 1:
        raise ConfigError(f"batch_size must be at least 1, not {batch_size}")
