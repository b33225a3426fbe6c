"""Thresholds between the values that a mean keeps and those that it drops, without sorting.

The hard threshold is an order statistic; a selection algorithm finds it in linear time. On a CPU, NumPy's
`partition` does that with vector instructions, many times faster than `torch.topk` or `torch.kthvalue`, and
shares the tensor's memory. The soft threshold solves one monotone equation per row by Newton steps kept
inside a bracket. No gradient flows through either.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_STEPS = 100
"""Newton steps at most; about three are taken. Bisection, the fall-back in each, halves the bracket."""

_LONG, _SAMPLE = 32_768, 8_192
"""A row longer than the first starts where about as many of its values as the second find their threshold."""


@torch.no_grad()
def kth_smallest(rows: Tensor, k: Tensor, valid: Tensor | None = None) -> Tensor:
    """The k-th smallest valid value of each row.

    Args:
        rows: float, shape `(R, N)`.
        k: int64, shape `(R,)`, between 1 and the number of valid values of the row; 0 gives −∞.
        valid: bool, shape `(R, N)`; None means that all values count.

    Returns:
        Shape `(R,)`, dtype of `rows`.
    """
    out = rows.new_full((len(rows),), -torch.inf)
    for i, count in enumerate(k.tolist()):
        if count == 0:
            continue
        row = rows[i] if valid is None else rows[i][valid[i]]
        if count == row.numel():
            out[i] = row.max()
        elif row.device.type == "cpu" and row.dtype in (torch.float32, torch.float64):
            out[i] = float(np.partition(row.numpy(), count - 1)[count - 1])
        else:
            out[i] = row.float().kthvalue(count).values.to(row.dtype)
    return out


@torch.no_grad()
def logistic_threshold(
    rows: Tensor, count: Tensor, temperature: Tensor, valid: Tensor | None = None
) -> Tensor:
    r"""The λ at which the soft count of values below it is right: $\sum_j \varsigma((\lambda-a_j)/T)=m$.

    The left side grows with λ from 0 to the number of values, so that there is one solution for 0 < m < N.
    None lies outside of the bracket $[\min a - T\,c,\ \max a + T\,c]$ with $c=\log N+40$.

    Args:
        rows: float, shape `(R, N)`; float32 or float64.
        count: int64 or float, shape `(R,)`, strictly between 0 and the number of valid values.
        temperature: shape `(R,)`, positive.
        valid: bool, shape `(R, N)`; None means that all values count.

    Returns:
        Shape `(R,)`.
    """
    levels = [
        _solve(row if valid is None else row[valid[i]], float(count[i]), float(temperature[i]))
        for i, row in enumerate(rows)
    ]
    return torch.tensor(levels, dtype=rows.dtype, device=rows.device)


def _solve(row: Tensor, m: float, t: float) -> float:
    if len(row) > _LONG:
        part = row[:: len(row) // _SAMPLE]
        level = _solve(part, min(max(m * len(part) / len(row), 0.5), len(part) - 0.5), t)
    else:
        row = row.double()
        level = float(kth_smallest(row[None], torch.tensor([math.ceil(m)]))[0])
    low, high = -math.inf, math.inf
    exactness = torch.finfo(row.dtype).eps
    share = torch.empty_like(row)
    for _ in range(_STEPS):
        torch.sub(level, row, out=share).div_(t).sigmoid_()
        excess = float(share.sum(dtype=torch.float64)) - m
        if abs(excess) <= 2 * exactness * m:
            break
        if excess < 0:
            low = level
        else:
            high = level
        slope = (m + excess - float(share.dot(share))) / t
        newton = level - excess / slope if slope > 0 else math.nan
        if not low < newton < high:
            low, high = _bracket(row, t, low, high)
            newton = (low + high) / 2
        previous, level = level, newton
        if abs(level - previous) <= exactness * (abs(level) + t):
            break
    return level


def _bracket(row: Tensor, t: float, low: float, high: float) -> tuple[float, float]:
    """The bracket, where an end is still open put beyond the values."""
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    least, largest = (float(end) for end in torch.aminmax(row))
    margin = t * (math.log(len(row)) + 40)
    return max(low, least - margin), min(high, largest + margin)
