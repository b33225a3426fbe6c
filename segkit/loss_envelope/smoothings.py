r"""Other ways to smooth the mean of the largest values, beside the logistic selection of `order_means`.

| function | weight of a value | what it is the gradient of |
|---|---|---|
| `smooth_top_k_mean` | $\frac1k\varsigma((a_j-\lambda^*)/T)$ | its value |
| `gated_top_k_mean` | $\varsigma((a_j-\tau)/T)$, normalised, held fixed | nothing |
| `quadratic_top_k_mean` | $\mathrm{clip}((a_j-\eta)/\nu+1/n,\ 0,\ 1/k)$ | its value |
| `tilted_mean` | $\propto e^{t a_j}$ | its value |

The weights of each sum to one. All take rows of unequal length through a mask, as the means of
`order_means` do.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from segkit.errors import ConfigError
from segkit.loss_envelope.thresholds import kth_smallest


def gated_top_k_mean(values: Tensor, k: int, *, temperature: float, valid: Tensor | None = None) -> Tensor:
    r"""A mean with sigmoid weights around the k-th largest value, which take no part in the gradient.

    $$\frac{\sum_j w_j a_j}{\sum_j w_j},\qquad w_j=\varsigma\Bigl(\frac{a_j-\tau}{T}\Bigr),\qquad
    \tau=\tfrac12\,(a_{[k]}+a_{[k+1]})$$

    The cheapest smoothing: one threshold and one sigmoid. Its weights move continuously with the values, but
    they are not the gradient of the value that it returns, nor of any other.

    Args:
        values: float, shape `(*R, N)`.
        k: at least 1. A row with at most k valid values has the plain mean.
        temperature: T > 0, in the unit of the values.
        valid: bool, shape `(*R, N)`; None means that all values count.

    Returns:
        Shape `(*R,)`; 0, connected to the graph, for a row without valid values.

    Raises:
        ConfigError: T or k is not positive, or a shape does not fit.

    Example:
        >>> gated_top_k_mean(torch.tensor([0.0, 1.0, 4.0, 8.0]), 2, temperature=0.01)
        tensor(6.)
    """
    _require(0 < temperature < math.inf, f"the temperature must be positive and finite, not {temperature}")
    rows, mask = _rows(values, k, valid)
    exact = rows.detach().double()
    weights = mask.double()
    for i, n in enumerate(mask.sum(1).tolist()):
        if n > k:
            row = exact[i][mask[i]][None].expand(2, n)
            tau = kth_smallest(row, torch.tensor([n - k, n - k + 1])).mean()
            weights[i] = torch.sigmoid((exact[i] - tau) / temperature).masked_fill(~mask[i], 0)
    return _weighted(rows, weights).to(values.dtype).reshape(values.shape[:-1])


def quadratic_top_k_mean(values: Tensor, k: int, *, strength: float, valid: Tensor | None = None) -> Tensor:
    r"""The mean of the k largest values, smoothed by a quadratic penalty on uneven weights.

    $$\max_q\ \sum_j q_j a_j-\frac\nu2\sum_j\bigl(q_j-\tfrac1n\bigr)^2,\qquad 0\le q_j\le\tfrac1k,\quad
    \sum_jq_j=1$$

    The mean of the k largest values is the conditional value at risk at level 1 − k/n; this is the smoothing
    of it that the package sqwash uses for whole losses. The weights $q_j=\mathrm{clip}((a_j-\eta)/\nu+1/n,\
    0,\ 1/k)$ are piecewise linear in the values, and 0 for small ones.

    Args:
        values: as for `gated_top_k_mean`.
        k: as for `gated_top_k_mean`.
        strength: ν > 0, in the unit of the values. A large one gives the plain mean.
        valid: as for `gated_top_k_mean`.

    Returns:
        Shape `(*R,)`; at most $\frac\nu2(\frac1k-\frac1n)$ below `top_k_mean`. Its weights are its gradient.

    Raises:
        ConfigError: ν or k is not positive, or a shape does not fit.

    Example:
        >>> quadratic_top_k_mean(torch.tensor([0.0, 1.0, 4.0, 8.0]), 2, strength=1e-6)
        tensor(6.)
    """
    _require(0 < strength < math.inf, f"the strength must be positive and finite, not {strength}")
    rows, mask = _rows(values, k, valid)
    n = mask.sum(1, keepdim=True).clamp(min=1)
    weights = _quadratic_weights(rows.detach().double(), mask, n, n.clamp(max=k), strength)
    spread = (weights - mask / n).square().sum(1)
    value = _weighted(rows, weights) - (strength / 2 * spread).to(rows.dtype)
    return value.to(values.dtype).reshape(values.shape[:-1])


def tilted_mean(values: Tensor, *, tilt: float, valid: Tensor | None = None) -> Tensor:
    r"""The exponentially tilted mean $\frac1t\log\frac1n\sum_je^{t a_j}$ of [li2021tilted].

    With t > 0 large values weigh more, with t < 0 they weigh less; t → 0 is the plain mean. It selects by
    how far values lie apart, not by how many are to be kept.

    Args:
        values: as for `gated_top_k_mean`.
        tilt: t, per unit of the values.
        valid: as for `gated_top_k_mean`.

    Returns:
        Shape `(*R,)`, between the smallest and the largest value.

    Raises:
        ConfigError: t is not finite, or a shape does not fit.

    Example:
        >>> tilted_mean(torch.tensor([0.0, 1.0]), tilt=0.0), tilted_mean(torch.tensor([0.0, 1.0]), tilt=100.0)
        (tensor(0.5000), tensor(0.9931))
    """
    _require(math.isfinite(tilt), f"the tilt must be finite, not {tilt}")
    rows, mask = _rows(values, 1, valid)
    if tilt == 0:
        value = _weighted(rows, mask.double())
    else:  # log Σ exp − log n takes away what both have: in double precision, for small tilts
        some = mask.any(1, keepdim=True)
        powers = torch.where(mask, tilt * rows.double(), torch.where(some, -torch.inf, 0.0))
        tilted = (powers.logsumexp(1) - mask.double().sum(1).clamp(min=1).log()) / tilt
        value = torch.where(some[:, 0], tilted, 0)
    return value.to(values.dtype).reshape(values.shape[:-1])


def _quadratic_weights(rows: Tensor, mask: Tensor, n: Tensor, k: Tensor, strength: float) -> Tensor:
    """The weights qⱼ, by bisection for the η at which they sum to one."""
    low = torch.where(mask, rows, torch.inf).amin(1, keepdim=True) - strength
    high = torch.where(mask, rows, -torch.inf).amax(1, keepdim=True) + strength
    low, high = low.nan_to_num(posinf=0), high.nan_to_num(neginf=0)

    def weights_at(eta: Tensor) -> Tensor:
        return ((rows - eta) / strength + 1 / n).clamp(min=0).minimum(1 / k) * mask

    for _ in range(80):
        eta = (low + high) / 2
        above = weights_at(eta).sum(1, keepdim=True) > 1
        low, high = torch.where(above, eta, low), torch.where(above, high, eta)
    return weights_at((low + high) / 2)


def _weighted(rows: Tensor, weights: Tensor) -> Tensor:
    """Σ w a / Σ w with fixed weights."""
    share = (weights / weights.sum(1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)).to(rows.dtype)
    return (rows * share).sum(1)


def _rows(values: Tensor, k: int, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    _require(k >= 1, f"k must be at least 1, not {k}")
    fits = values.ndim > 0 and (valid is None or valid.shape == values.shape)
    _require(fits, "values must be rows (*R, N), and `valid` of the same shape")
    rows = values.reshape(-1, values.shape[-1])
    exact = rows if rows.dtype == torch.float64 else rows.float()
    mask = torch.ones_like(rows, dtype=torch.bool) if valid is None else valid.reshape(rows.shape)
    return exact.masked_fill(~mask, 0), mask


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ConfigError(sentence)
