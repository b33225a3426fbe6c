"""How many draws a difference needs to be seen."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2, ncf, t

from segkit.errors import ConfigError
from segkit.evaluate.statistics.draw_differences import as_differences, smallest_p

MOST_DRAWS = 1_000_000


def t_power(draws: int, *, effect: float, sd: float, alpha: float = 0.05) -> float:
    r"""Chance that a two-sided paired t test over draws finds an effect.

    With $\delta = \sqrt n\, \text{effect} / \text{sd}$ the statistic follows the non-central
    $t_{n-1}(\delta)$. The normal approximation $n = (2.8\,\text{sd}/\text{effect})^2$ for 80 % power is too
    kind below about ten draws.

    Args:
        draws: at least 2.
        effect: true mean difference, in the unit of the metric.
        sd: standard deviation of the difference between draws, > 0.
        alpha: significance level in (0, 1).

    Example:
        >>> round(t_power(12, effect=0.03, sd=0.036), 2)
        0.75
    """
    if draws < 2 or not sd > 0 or not 0 < alpha < 1:
        raise ConfigError(f"draws ≥ 2, sd > 0 and 0 < alpha < 1 are needed, not {draws}, {sd}, {alpha}")
    noncentrality = draws * (effect / sd) ** 2
    if noncentrality == 0:
        return alpha  # where SciPy's tail of the non-central F returns a negative number
    critical = t.ppf(1 - alpha / 2, draws - 1)
    # The square of t is F: both tails in one term, and finite where SciPy's non-central t returns NaN.
    return float(ncf.sf(critical**2, 1, draws - 1, noncentrality))


def draws_needed(
    differences: ArrayLike,
    *,
    effect: float,
    power: float = 0.8,
    alpha: float = 0.05,
    confidence: float | None = None,
) -> int:
    """Draws with which a difference of a given size is found, judged by the spread of finished draws.

    Never fewer than an exact test over draws needs to reach `alpha` at all (6 for 0.05): the tables of the
    book use that test.

    Args:
        differences: shape `(draws,)`, at least two finished draws: difference of two arms, averaged over
            the cases.
        effect: the smallest difference that would matter, in the unit of the metric; not 0.
        power: wanted chance to find it, in (0, 1).
        alpha: significance level in (0, 1).
        confidence: few draws know their spread poorly. If given, plan with the upper confidence limit of the
            standard deviation (0.8 is careful) instead of its estimate.

    Returns:
        The number of draws in all, the finished ones included.

    Raises:
        DataError: fewer than two draws.
        ConfigError: an argument out of range, or more than a million draws would be needed.

    Example:
        >>> draws_needed([0.05, -0.02, 0.04, 0.01, 0.03, -0.01], effect=0.03)
        9
    """
    if (
        effect == 0
        or not 0 < power < 1
        or not 0 < alpha < 1
        or (confidence is not None and not 0 < confidence < 1)
    ):
        raise ConfigError(
            "effect must not be 0, and power, alpha and confidence must be in (0, 1): "
            f"got {effect}, {power}, {alpha}, {confidence}"
        )
    d = as_differences(differences, at_least=2)
    sd = float(np.std(d, ddof=1))
    if confidence is not None:
        sd *= math.sqrt((d.size - 1) / chi2.ppf(1 - confidence, d.size - 1))
    least = next(n for n in range(2, 1100) if smallest_p(n) <= alpha)
    if sd == 0:
        return least

    def enough(n: int) -> bool:
        return t_power(n, effect=effect, sd=sd, alpha=alpha) >= power

    high = least
    while not enough(high):
        if high >= MOST_DRAWS:
            raise ConfigError(
                f"an effect of {effect} at a spread of {sd:.3g} needs more than {MOST_DRAWS} draws"
            )
        high *= 2
    low = max(least, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
