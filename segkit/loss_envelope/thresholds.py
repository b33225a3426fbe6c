"""Thresholds between the values that a mean keeps and those that it drops, without sorting.

The hard threshold is an order statistic; a selection algorithm finds it in linear time. On a CPU, NumPy's
`partition` does that with vector instructions, many times faster than `torch.topk` or `torch.kthvalue`, and
shares the tensor's memory. The soft threshold solves one monotone equation per row by Newton steps kept
inside a bracket. No gradient flows through either.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_STEPS = 60
"""Newton steps at most; about six are taken. Bisection, the fall-back in each, halves the bracket."""


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
    wide = rows.double() if rows.shape[-1] < 4096 else rows
    t, target = temperature.to(wide.dtype), count.to(wide.dtype)
    low, high = _extremes(wide, valid)
    margin = t * (np.log(rows.shape[-1]) + 40)
    low, high = low - margin, high + margin
    level = kth_smallest(rows, count.ceil().long(), valid).to(wide.dtype)
    for _ in range(_STEPS):
        share = torch.sigmoid((level - wide.T).T / t[:, None])
        if valid is not None:
            share = share * valid
        excess = share.sum(-1, dtype=torch.float64) - target
        slope = (share * (1 - share)).sum(-1, dtype=torch.float64) / t
        low, high = torch.where(excess < 0, level, low), torch.where(excess < 0, high, level)
        newton = level - excess / slope
        inside = (newton > low) & (newton < high) & slope.isfinite() & (slope > 0)
        step = torch.where(inside, newton, (low + high) / 2).to(wide.dtype)
        done = (step - level).abs() <= 1e-7 * t
        level = step
        if bool(done.all()):
            break
    return level.to(rows.dtype)


def _extremes(rows: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    if valid is None:
        return rows.amin(-1), rows.amax(-1)
    return (
        rows.masked_fill(~valid, torch.inf).amin(-1),
        rows.masked_fill(~valid, -torch.inf).amax(-1),
    )
