"""The exact permutation test over paired draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segkit.errors import ConfigError
from segkit.evaluate.statistics.draw_differences import as_differences

EXACT_UP_TO = 20
"""Draws up to which all 2^n signs are enumerated: a million sums, a few milliseconds."""


def permutation_test(
    differences: ArrayLike, *, resamples: int = 100_000, generator: np.random.Generator | None = None
) -> float:
    r"""Two-sided p-value of "the two arms could be exchanged within each draw".

    If they could, each difference $d_i$ might as well have had the other sign. The p-value is the share of
    all $2^n$ choices of signs $s$ with $|\sum_i s_i d_i| \ge |\sum_i d_i|$: exact, without a distribution
    assumed. Up to 20 draws all are enumerated; beyond, a random sample of them is taken, in which the
    observed signs count as one.

    The draws vary and the test cases stay: p speaks of a method on these cases. Whether the difference
    would also hold on other cases is in the interval of `hierarchical_bootstrap`, which varies both.

    Args:
        differences: shape `(draws,)`: for each draw the difference of two arms, averaged over the test cases.
        resamples: random choices of signs for more than 20 draws.
        generator: their source; default: the same sequence at each call.

    Returns:
        p in (0, 1]. With n ≤ 20 draws never below 2^(1 - n).

    Example:
        >>> permutation_test([0.02, 0.01, 0.03, 0.02, 0.04, -0.01])
        0.09375
    """
    if resamples < 1:
        raise ConfigError(f"resamples must be positive, not {resamples}")
    d = as_differences(differences)
    # Rounding must not turn a tie with the observed sum into a smaller one.
    observed = abs(d.sum()) - 1e-10 * np.abs(d).sum()
    if d.size <= EXACT_UP_TO:
        return float(np.mean(np.abs(_all_signed_sums(d)) >= observed))
    rng = generator if generator is not None else np.random.default_rng(0)
    extreme = 0
    for start in range(0, resamples, 10_000):
        signs = rng.integers(2, size=(min(10_000, resamples - start), d.size)) * 2 - 1
        extreme += int((np.abs(signs @ d) >= observed).sum())
    return (1 + extreme) / (1 + resamples)


def _all_signed_sums(d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums under each choice of signs, the first sign fixed: the other half has the same magnitudes."""
    sums = d[:1]
    for value in d[1:]:
        sums = np.concatenate([sums + value, sums - value])
    return sums
