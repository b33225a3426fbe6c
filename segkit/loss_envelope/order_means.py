r"""Means over the largest or the smallest values of a row, hard and with a logistic selection.

With ascending order statistics $a_{(1)}\le\dots\le a_{(N)}$ the two hard means are
$$ \mathrm{Bot}_m(a)=\frac1m\sum_{r=1}^{m}a_{(r)},\qquad \mathrm{Top}_k(a)=-\mathrm{Bot}_k(-a). $$
Both are continuous and piecewise linear. Their gradient is a selection, 1/m or 0, and jumps where two values
swap ranks. The variational form $\mathrm{Bot}_m(a)=\max_\mu\,\mu-\frac1m\sum_j[\mu-a_j]_+$ shows how to
smooth it: replace the hinge by $T\,\mathrm{softplus}(\cdot/T)$. At the optimum μ* the derivative is
a sigmoid,
$$ \frac{\partial\,\mathrm{Bot}_{m,T}}{\partial a_j}=\frac1m\,\varsigma\Bigl(\frac{\mu^*-a_j}{T}\Bigr), $$
weights in (0, 1/m) that still sum to one. Hard selection is the limit T → 0, the plain mean the limit T → ∞.

Our formulation; the paper [lapi2025topk] states a derivative smoothing but its equations could not be read.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError
from segkit.loss_envelope.thresholds import kth_smallest, logistic_threshold

Count = int | Tensor


def bottom_mean(values: Tensor, m: Count, *, valid: Tensor | None = None) -> Tensor:
    """Mean of the m smallest values of each row.

    Args:
        values: float, shape `(*R, N)`.
        m: how many to keep, between 1 and the number of valid values of the row; an int, or int64 of shape
            `(*R,)`. A row without valid values gives 0, connected to the graph.
        valid: bool, shape `(*R, N)`: False takes a value out of its row. None keeps all.

    Returns:
        Shape `(*R,)`. The gradient is 1/m for values below the m-th smallest, and what is left of the weight,
        in equal parts, for those equal to it: weights sum to one, and no order among equal values is
        invented.

    Raises:
        ConfigError: m is out of range, or a shape does not fit.

    Cost: linear in N; keeps no more than the values for the backward pass.

    Example:
        >>> bottom_mean(torch.tensor([3.0, 1.0, 9.0, 2.0]), 3)
        tensor(2.)
    """
    return _mean(values, m, 0.0, valid)


def top_k_mean(values: Tensor, k: Count, *, valid: Tensor | None = None) -> Tensor:
    """Mean of the k largest values of each row; arguments as for `bottom_mean`.

    Example:
        >>> top_k_mean(torch.tensor([3.0, 1.0, 9.0, 2.0]), 2)
        tensor(6.)
    """
    return -_mean(-values, k, 0.0, valid)


def smooth_bottom_mean(
    values: Tensor, m: Count, *, temperature: float | Tensor, valid: Tensor | None = None
) -> Tensor:
    r"""Smooth mean of the m smallest values: at most $\frac NmT\log 2$ below `bottom_mean`.

    Args:
        values: float, shape `(*R, N)`.
        m: as for `bottom_mean`. With m = N the plain mean is returned, at any temperature.
        temperature: T ≥ 0 in the unit of the values, a number or one per row, `(*R,)`; 0 is the hard mean.
        valid: as for `bottom_mean`.

    Returns:
        Shape `(*R,)`; differentiable once everywhere, weights in (0, 1/m) that sum to one.

    Raises:
        ConfigError: T is negative or not finite, m is out of range, or a shape does not fit.

    Cost: linear in N, about eight passes over the values.
    """
    return _mean(values, m, temperature, valid)


def smooth_top_k_mean(
    values: Tensor, k: Count, *, temperature: float | Tensor, valid: Tensor | None = None
) -> Tensor:
    r"""Smooth mean of the k largest values: at most $\frac NkT\log 2$ above `top_k_mean`.

    Arguments as for `smooth_bottom_mean`.
    """
    return -_mean(-values, k, temperature, valid)


def _mean(values: Tensor, count: Count, temperature: float | Tensor, valid: Tensor | None) -> Tensor:
    if values.ndim == 0 or (valid is not None and valid.shape != values.shape):
        given = [tuple(each.shape) for each in (values, valid) if each is not None]
        raise ConfigError(f"values must be rows (*R, N), and `valid` of the same shape; got {given}")
    shape = values.shape[:-1]
    rows = values.reshape(-1, values.shape[-1])
    mask = None if valid is None else valid.reshape(rows.shape)
    available = torch.full((len(rows),), rows.shape[1], device=rows.device) if mask is None else mask.sum(-1)
    counts = torch.as_tensor(count, device=rows.device).expand(shape).reshape(-1).long()
    wrong = (available > 0) & ((counts < 1) | (counts > available))
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ConfigError(
            f"cannot keep {int(counts[row])} of the {int(available[row])} valid values of row {row}: "
            "the count must lie between 1 and their number"
        )
    t = torch.as_tensor(temperature, device=rows.device, dtype=torch.float64).expand(shape).reshape(-1)
    if not bool((t.isfinite() & (t >= 0)).all()):
        raise ConfigError(f"the temperature must be a finite number of 0 or more, not {temperature}")
    exact = rows if rows.dtype == torch.float64 else rows.float()
    return _BottomMean.apply(exact, counts, available, t, mask).to(values.dtype).reshape(shape)


class _BottomMean(torch.autograd.Function):
    """The mean and its exact gradient. Saved for backward: the values, the mask, and four numbers per row."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, count: Tensor, available: Tensor, temperature: Tensor, valid: Tensor | None
    ) -> Tensor:
        whole = count >= available
        soft = (temperature > 0) & ~whole
        level = rows.new_full((len(rows),), torch.inf)
        tie_share = torch.zeros_like(level)
        out = torch.zeros_like(level)
        for i in range(len(rows)):
            row = rows[i] if valid is None else rows[i][valid[i]]
            m, t = int(count[i]), float(temperature[i])
            if row.numel() == 0:
                continue
            if whole[i]:
                out[i] = row.mean()
            elif soft[i]:
                one = slice(i, i + 1)
                mu = logistic_threshold(row[None], count[one], temperature[one])[0]
                level[i] = mu
                out[i] = mu - t * F.softplus((mu - row) / t).sum() / m
            else:
                tau = kth_smallest(row[None], count[i : i + 1])[0]
                below = row < tau
                n_below, n_equal = int(below.sum()), int((row == tau).sum())
                level[i], tie_share[i] = tau, (m - n_below) / max(1, n_equal)
                out[i] = (torch.where(below, row, 0).sum() + (m - n_below) * tau) / m
        ctx.save_for_backward(rows, level, tie_share, count, available, temperature, whole)
        ctx.valid = valid
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = gradients
        rows, level, tie_share, count, available, temperature, whole = ctx.saved_tensors
        weight = torch.empty_like(rows)
        kept = torch.where(whole, available, count).clamp(min=1)
        for i in range(len(rows)):
            if whole[i]:
                weight[i] = 1.0
            elif temperature[i] > 0:
                torch.sigmoid((level[i] - rows[i]) / float(temperature[i]), out=weight[i])
            else:
                weight[i] = rows[i] < level[i]
                weight[i].masked_fill_(rows[i] == level[i], float(tie_share[i]))
        if ctx.valid is not None:
            weight.masked_fill_(~ctx.valid, 0.0)
        return weight.mul_((grad / kept.to(grad.dtype))[:, None]), None, None, None, None
