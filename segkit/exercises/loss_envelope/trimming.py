"""The mean without the largest losses, and what equal losses share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call, compare, numbers, same
from segkit.exercises.registry import Wrong, exercise
from segkit.loss_envelope import bottom_mean

Mean = Callable[[Tensor, Tensor, float], Tensor]


def _kept(n: int, sigma: float) -> int:
    return n - math.floor(sigma * n + 1e-9)


def _weighted(losses: Tensor, m: int) -> Tensor:
    """The mean of the m smallest; what equals the m-th smallest shares the rest of the weight."""
    threshold = losses.detach().sort().values[m - 1]
    below, equal = losses < threshold, losses == threshold
    weights = torch.where(equal, (m - below.sum()) / equal.sum(), below.to(losses.dtype)) / m
    return (weights * losses).sum()


def _trimmed_mean(losses: Tensor, valid: Tensor, sigma: float) -> Tensor:
    return _weighted(losses[valid], _kept(int(valid.sum()), sigma))


def _of_all(losses: Tensor, valid: Tensor, sigma: float) -> Tensor:
    """Drops a share of all voxels, the ignored ones included."""
    return _weighted(losses[valid], max(1, int(valid.sum()) - math.floor(sigma * len(losses) + 1e-9)))


def _all_ties(losses: Tensor, valid: Tensor, sigma: float) -> Tensor:
    rest = losses[valid]
    threshold = rest.detach().sort().values[_kept(len(rest), sigma) - 1]
    return rest[rest <= threshold].mean()


def _some_ties(losses: Tensor, valid: Tensor, sigma: float) -> Tensor:
    rest = losses[valid]
    return rest.topk(_kept(len(rest), sigma), largest=False).values.mean()


def _multiplied(losses: Tensor, valid: Tensor, sigma: float) -> Tensor:
    """Right, unless an ignored voxel holds NaN."""
    m = _kept(int(valid.sum()), sigma)
    return _weighted(losses[valid], m) + (losses * ~valid).sum() * 0


MISTAKES = {
    "share of all": Wrong(
        _of_all,
        "You drop a share of all voxels; an ignored voxel must not decide how many of the others go.",
    ),
    "ignored as zero": Wrong(
        lambda losses, valid, sigma: _weighted(losses * valid, _kept(len(losses), sigma)),
        "Ignored voxels stay in your mean as losses of 0.",
    ),
    "divided by n": Wrong(
        lambda losses, valid, sigma: (
            _trimmed_mean(losses, valid, sigma) * (_kept(n := int(valid.sum()), sigma) / n)
        ),
        "You divide by the number of voxels before trimming: your weights do not add up to one.",
    ),
    "hard mining": Wrong(
        lambda losses, valid, sigma: -_trimmed_mean(-losses, valid, sigma),
        "You drop the smallest losses: that is hard mining, which trusts most what is most suspect.",
    ),
    "all ties": Wrong(
        _all_ties,
        "Every loss that equals the threshold counts in full in yours, so that more voxels stay than asked.",
    ),
}
OTHERS = {
    "some ties": Wrong(
        _some_ties,
        "The value is right, but of equal losses some are kept and some dropped: give them equal gradients.",
    ),
    "cut off": Wrong(
        lambda losses, valid, sigma: _trimmed_mean(losses.detach(), valid, sigma),
        "No gradient flows back: only the weights are constants, the losses are not to be detached.",
    ),
    "NaN": Wrong(
        _multiplied,
        "An ignored voxel may hold NaN, and 0 · NaN is NaN: take it out instead of multiplying it by 0.",
    ),
    "library": Wrong(
        lambda losses, valid, sigma: bottom_mean(losses, _kept(int(valid.sum()), sigma), valid=valid),
        "Your function calls `bottom_mean` of segkit",
    ),
}


_INPUTS = (
    ([1.0, 0.5, 2.0, 1.0, 0.25, 1.0, 0.75, 1.0, 0.5, 1.0], [0.1, 9.0], 0.3),
    ([3.0, 0.5, 0.5, 2.5, 2.0, 2.0, 0.25, 2.0, 1.5, 1.0, 2.0, 0.75], [1.0, 0.3, 7.0, 0.2, 5.0], 0.25),
    ([0.5, 1.5, 1.0, 0.5, 2.0, 3.0, 0.25], [0.4, 8.0], 0.1),
)
"""Losses of valid and of ignored voxels, and σ: several equal the threshold; of the last none is dropped."""


def _inputs() -> list[tuple[Tensor, Tensor, float]]:
    inputs = []
    for kept, ignored, sigma in _INPUTS:
        losses = torch.tensor([*kept, *ignored], dtype=torch.float64)
        order = torch.randperm(len(losses), generator=torch.Generator().manual_seed(len(losses)))
        inputs.append((losses[order], order < len(kept), sigma))
    return inputs


def _with_gradient(mean: Mean) -> Mean:
    """The function whose result is the value and, behind it, the gradient by each loss."""

    def both(losses: Tensor, valid: Tensor, sigma: float) -> Tensor:
        leaf = losses.clone().requires_grad_()
        value = mean(leaf, valid, sigma)
        return torch.cat([value.reshape(1), *torch.autograd.grad(value, leaf)]).detach()

    return both


@exercise(
    "loss_envelope.trimmed_mean",
    kind="implement",
    minutes=15,
    start="Take out what is ignored; sort what is left, to find the threshold; give each voxel a weight.",
    wrong={**MISTAKES, **OTHERS},
)
def check_trimmed_mean(answer: Any) -> None:
    inputs = _inputs()
    losses, valid, sigma = inputs[0]
    value = call_by_hand(answer, losses.clone().requires_grad_(), valid, sigma, room="segkit.loss_envelope")
    if not getattr(value, "requires_grad", False):
        numbers(value)
        raise Hint(OTHERS["cut off"].hint)
    if value.numel() != 1:
        raise Hint(f"Return one number, the mean; yours has the shape {tuple(value.shape)}.")
    given = [call(_with_gradient(answer), *each) for each in inputs]
    _require_equal_shares(given, inputs)
    mistakes = {name: Wrong(_with_gradient(each.answer), each.hint) for name, each in MISTAKES.items()}
    compare(_with_gradient(answer), _with_gradient(_trimmed_mean), inputs, mistakes=mistakes, tolerance=1e-6)
    broken = call(_with_gradient(answer), torch.where(valid, losses, torch.nan), valid, sigma)
    if not same(numbers(broken), numbers(given[0]), 1e-6):
        raise Hint(OTHERS["NaN"].hint)


def _require_equal_shares(given: list[Tensor], inputs: list[tuple[Tensor, Tensor, float]]) -> None:
    """Raise a hint if all values are right and equal losses have unequal gradients somewhere."""
    for (value, *_), each in zip(given, inputs, strict=True):
        if not same(numbers(value), numbers(_trimmed_mean(*each)), 1e-6):
            return
    for (_, *gradient), (losses, valid, _) in zip(given, inputs, strict=True):
        weights = torch.stack(gradient)[valid]
        for loss in losses[valid].unique():
            shares = weights[losses[valid] == loss]
            if float(shares.max() - shares.min()) > 1e-6:
                raise Hint(OTHERS["some ties"].hint)
