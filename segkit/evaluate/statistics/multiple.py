"""Several comparisons in one table."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segkit.errors import DataError


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    r"""Holm's step-down adjustment: p-values that may each be compared with one significance level.

    In ascending order $\tilde p_{(k)} = \max_{i \le k} \min(1, (m - i + 1)\, p_{(i)})$. The chance of any
    false positive among the $m$ comparisons stays below the level, however they depend on each other, and
    no adjusted value exceeds Bonferroni's.

    Args:
        p_values: shape `(m,)`, each in [0, 1].

    Returns:
        Adjusted p-values in the order given.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise DataError(f"p-values must be a list of numbers in [0, 1], not {p.tolist()}")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(p.size, 0, -1)))
    adjusted = np.empty_like(p)
    adjusted[order] = stepped
    return adjusted
