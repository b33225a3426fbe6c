"""The functional behind the ranked list loss: two lists per anchor, their weights, and the gradient by hand.

The weights of a list are a detached softmax, so the value of an anchor is a weighted mean of distances whose
coefficients are known as soon as the distances are. Value and slopes therefore come from one walk over a
block of anchors that fits the cache; automatic differentiation would walk over the whole matrix a dozen
times and keep most of the intermediate ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from segkit.errors import ConfigError, DataError

BLOCK = 2**18
"""Distances that are worked on at a time on a CPU: 1 MiB of float32."""


@dataclass(frozen=True)
class Ranking:
    r"""Where positives and negatives should lie, and how a list is weighted.

    Attributes:
        alpha: α > 0: negatives should be at least this far away. On the unit sphere distances end at 2.
        margin: m in [0, α): positives should be at most α − m away.
        t_pos: $T_p$ ≥ 0: 0 weights all violating positives alike, larger values the farthest ones.
        t_neg: $T_n$ ≥ 0: larger values weight the nearest negatives.
        beta: β in [0, 1]: weight of the negatives' list, 1 − β that of the positives'.

    [wang2019rankedlist] has α = 1.2, m = 0.4, T_p = 0, T_n = 10, β = 0.5; T_n = 5 is ours.

    Raises:
        ConfigError: a number is out of range.
    """

    alpha: float = 1.2
    margin: float = 0.4
    t_pos: float = 0.0
    t_neg: float = 5.0
    beta: float = 0.5

    def __post_init__(self) -> None:
        boundaries = 0 <= self.margin < self.alpha < math.inf
        temperatures = 0 <= self.t_pos < math.inf and 0 <= self.t_neg < math.inf
        if not (boundaries and temperatures and 0 <= self.beta <= 1):
            raise ConfigError(
                f"{self} is out of range: 0 ≤ margin < alpha, temperatures of 0 or more, and beta in [0, 1]"
            )


class Lists(NamedTuple):
    """What came of the two lists of each anchor.

    Attributes:
        values: (*R, A), ≥ 0.
        active_positives: (*R, A), how many positives violate; no gradient.
        active_negatives: (*R, A), how many negatives violate.
    """

    values: Tensor
    active_positives: Tensor
    active_negatives: Tensor


def rank_lists(
    anchors: Tensor,
    positives: Tensor | None,
    negatives: Tensor,
    *,
    ranking: Ranking,
    valid_positives: Tensor | None = None,
    valid_negatives: Tensor | None = None,
) -> Lists:
    r"""$(1-\beta)\,\mathcal L^P_i + \beta\,\mathcal L^N_i$ of every anchor, see `ranked_list_loss`.

    Args:
        anchors: float, (*R, A, d).
        positives: (*R, P, d); None for the anchors themselves.
        negatives: (*R, Q, d).
        ranking: boundaries and weights.
        valid_positives: bool, (*R, P), True where a positive counts.
        valid_negatives: bool, (*R, Q).

    Raises:
        DataError: shapes do not fit, or rows are not floating point.
    """
    given = anchors if positives is None else positives
    for name, rows in (("positives", given), ("negatives", negatives)):
        if not rows.is_floating_point() or not anchors.is_floating_point():
            raise DataError(f"embeddings must be floating point, got {anchors.dtype} and {rows.dtype}")
        if rows.shape[:-2] != anchors.shape[:-2] or rows.shape[-1:] != anchors.shape[-1:]:
            raise DataError(
                f"{name} of shape {tuple(rows.shape)} do not fit anchors of shape {tuple(anchors.shape)}"
            )
    dtype = torch.promote_types(anchors.dtype, torch.float32)
    x, p, n = (
        rows.to(dtype).reshape(anchors.shape[:-2].numel(), *rows.shape[-2:])
        for rows in (anchors, given, negatives)
    )
    masks = [
        None if mask is None else mask.reshape(len(x), mask.shape[-1])
        for mask in (valid_positives, valid_negatives)
    ]
    with torch.autocast(x.device.type, enabled=False):
        found = _RankLists.apply(x, p, n, *masks, ranking, positives is None)
    values, active_p, active_n = (each.reshape(anchors.shape[:-1]) for each in found)
    return Lists(values.to(anchors.dtype), active_p, active_n)


class _RankLists(torch.autograd.Function):
    """Values (R, A), and for the gradient the slopes w_ij / d_ij with one factor per anchor and list."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        p: Tensor,
        n: Tensor,
        valid_p: Tensor | None,
        valid_n: Tensor | None,
        ranking: Ranking,
        same: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        near = _List(ranking.alpha - ranking.margin, 1, ranking.t_pos, 1 - ranking.beta)
        far = _List(ranking.alpha, -1, ranking.t_neg, ranking.beta)
        # The Gram matrix loses digits where norms are large beside the distances.
        centre = x.mean(-2, keepdim=True) if x.shape[-2] else x.new_zeros(())
        rows = _Rows.of(x - centre)
        values = x.new_zeros(x.shape[:2])
        kept: list[Tensor] = []
        counts = []
        for side, y, valid in ((near, p, valid_p), (far, n, valid_n)):
            own = same and side is near
            others = rows if own else _Rows.of(y - centre)
            blocks = list(_blocks(len(x), x.shape[1], y.shape[1], cuda=x.is_cuda)) if y.shape[1] else []
            found = [
                side.of(
                    rows.at(*block),
                    others.at(block[0]),
                    None if valid is None else valid[block[0]],
                    block[1] if own else None,
                )
                for block in blocks
            ]
            slopes, factor, count, value = _joined(found, blocks, values, y.shape[1])
            values = values + value
            kept += [slopes, factor]
            counts.append(count)
        ctx.save_for_backward(x, p, n, *kept)
        ctx.mark_non_differentiable(*counts)
        return values, counts[0], counts[1]

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, p, n, *kept = ctx.saved_tensors
        to_x, to_others = torch.zeros_like(x), []
        with torch.autocast(x.device.type, enabled=False):
            for y, slopes, factor in ((p, *kept[:2]), (n, *kept[2:])):
                # A column of ones beside the rows: one product gives the sums over a list as well.
                scale = (gradients[0] * factor)[..., None]
                sums = slopes @ F.pad(y, [0, 1], value=1.0)
                to_x += scale * (sums[..., -1:] * x - sums[..., :-1])
                sums = slopes.mT @ torch.cat([scale * x, scale], -1)
                to_others.append(sums[..., -1:] * y - sums[..., :-1])
        return to_x, *to_others, None, None, None, None


class _Rows(NamedTuple):
    """Rows (R, N, d) and their squared norms (R, N)."""

    values: Tensor
    squares: Tensor

    @classmethod
    def of(cls, values: Tensor) -> _Rows:
        return cls(values, values.square().sum(-1))

    def at(self, lists: slice, rows: slice = slice(None)) -> _Rows:
        return _Rows(self.values[lists, rows], self.squares[lists, rows])

    def distances(self, others: _Rows) -> Tensor:
        """From each row to each of the others, (R, N, M)."""
        d = torch.baddbmm(others.squares[:, None], self.values, others.values.mT, alpha=-2)
        return d.add_(self.squares[..., None]).clamp_(min=0).sqrt_()


class _Found(NamedTuple):
    slopes: Tensor
    factor: Tensor
    active: Tensor
    value: Tensor


def _joined(
    parts: list[_Found], blocks: list[tuple[slice, slice]], empty: Tensor, columns: int
) -> tuple[Tensor, ...]:
    """What was found in blocks as one table each; zeros where there is nothing to be found."""
    if len(parts) == 1:
        return parts[0]
    tables = (empty.new_zeros(*empty.shape, columns), *(torch.zeros_like(empty) for _ in range(3)))
    for part, block in zip(parts, blocks, strict=True):
        for table, piece in zip(tables, part, strict=True):
            table[block] = piece
    return tables


@dataclass(frozen=True)
class _List:
    """One of the two lists: on which side of which boundary a distance violates, and its weights."""

    boundary: float
    sign: int
    temperature: float
    share: float

    def of(self, x: _Rows, y: _Rows, valid: Tensor | None, own: slice | None) -> _Found:
        """Values and slopes of anchors x (r, a, d) against y (r, M, d); `own`: rows of y that x are."""
        d = x.distances(y)
        if own is not None:
            d[..., own].diagonal(dim1=-2, dim2=-1).zero_()
        if valid is not None:
            d.masked_fill_(~valid[:, None], 0.0 if self.sign > 0 else torch.inf)
        excess = (d - self.boundary if self.sign > 0 else self.boundary - d).clamp_(min=0)
        if self.temperature:
            top = excess.amax(-1, keepdim=True)
            active = excess.sign()
            weight = (excess - top).mul_(self.temperature).exp_().mul_(active)
            count = active.sum(-1)
            total, value = weight.sum(-1), excess.mul_(weight).sum(-1)
        else:
            weight = excess.sign()
            total = count = weight.sum(-1)
            value = excess.sum(-1)
        total = total.clamp(min=torch.finfo(d.dtype).tiny)
        # A difference of 1e-4 has a Gram-matrix distance between 0 and 5e-4 in float32: below that floor the
        # slope (x − y) / d would be any number.
        floor = 4 * torch.finfo(d.dtype).eps ** 0.5
        slopes = weight.div_(d.clamp_(min=floor))
        factor = self.share / total
        return _Found(slopes, self.sign * factor, count, factor * value)


def _blocks(lists: int, anchors: int, columns: int, *, cuda: bool) -> Iterator[tuple[slice, slice]]:
    """Slices of (R, A) whose distances fit the cache; everything at once on a GPU."""
    rows = lists * anchors if cuda else max(1, BLOCK // columns)
    if rows >= anchors:
        step = max(1, rows // max(1, anchors))
        for r in range(0, lists, step):
            yield slice(r, r + step), slice(0, anchors)
    else:
        for r in range(lists):
            for a in range(0, anchors, rows):
                yield slice(r, r + 1), slice(a, a + rows)
