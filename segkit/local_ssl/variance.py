r"""Consistency without a target network: invariance, variance and covariance over points, as in VICReg."""

from __future__ import annotations

import torch
from torch import Tensor

from segkit.local_ssl.consistency import as_exact, check_rows
from segkit.losses import reduce


def vicreg_terms(first: Tensor, second: Tensor, *, valid: Tensor | None = None) -> dict[str, Tensor]:
    r"""Small where both views agree at each point, every channel varies, and no two channels vary together.

    $$ s = \frac1{NC}\sum_{n,c}(a_{nc}-b_{nc})^2,\quad
    v = \frac1{2C}\sum_{x\in\{a,b\}}\sum_c \max\bigl(0, 1-\sqrt{\mathrm{Var}\,x_c + 10^{-4}}\bigr),\quad
    c = \frac1C\sum_{x\in\{a,b\}}\sum_{c\ne d}\mathrm{Cov}(x)_{cd}^2 $$

    over the N points that count: the terms of [bardes2022vicreg], at points that the known places pair as in
    [bardes2022vicregl]. There is no stop-gradient, no target network and no predictor.

    Args:
        first: a, (B, Q, C), float; a gradient goes through both.
        second: b, (B, Q, C), at the same points of the other view.
        valid: bool (B, Q), True where a point counts; by default all do.

    Returns:
        "invariance", "variance", "covariance", scalars in the dtype of the input. The paper weighs them 25,
        25 and 1. All 0 for a perfect prediction of varied, independent channels. Means over points and
        channels.

    Empty and ignored:
        What a point that does not count holds changes neither value nor gradient. With fewer than two points
        that count all three are 0.

    Cost:
        Time O(N C²), a few maps of the size of the input and a C × C matrix.

    Differs from:
        VICRegL, which pools no points: it takes variance and covariance over images, at each place apart.
        The statistics are those of one process.

    Raises:
        DataError: shapes do not fit.

    Example:
        >>> terms = vicreg_terms(torch.zeros(2, 4, 3), torch.ones(2, 4, 3))
        >>> {name: round(float(value), 2) for name, value in terms.items()}
        {'invariance': 1.0, 'variance': 0.99, 'covariance': 0.0}
    """
    valid = check_rows(first, second, valid)
    a, b = as_exact(first, valid), as_exact(second, valid)
    count = valid.sum()
    enough = (count > 1).to(a.dtype)
    weight = valid[..., None].to(a.dtype)
    variance = covariance = a.new_zeros(())
    with torch.autocast(a.device.type, enabled=False):
        invariance = reduce((a - b).square().mean(-1), valid) * enough
        for rows in (a, b):
            mean = rows.sum((0, 1)) / count.clamp(min=1)
            centred = ((rows - mean) * weight).flatten(0, 1)
            matrix = centred.mT @ centred / (count - 1).clamp(min=1)
            spread = (matrix.diagonal() + 1e-4).sqrt()
            variance = variance + 0.5 * torch.relu(1 - spread).mean() * enough
            others = matrix.square().sum() - matrix.diagonal().square().sum()
            covariance = covariance + others / a.shape[-1] * enough
    terms = {"invariance": invariance, "variance": variance, "covariance": covariance}
    return {name: value.to(first.dtype) for name, value in terms.items()}
