r"""An interval for a mean over draws and cases that keeps its promise with few draws.

Every draw (training cases, noise and initialisation) is tested on the *same* cases. Draws and cases are
therefore crossed:

$$v_{ij} = \mu + a_i + b_j + e_{ij}, \qquad
  \operatorname{Var}(\bar v) = \frac{\sigma_a^2}{D} + \frac{\sigma_b^2}{N} + \frac{\sigma_e^2}{D N}$$

for draws $i = 1 … D$ and cases $j = 1 … N$. Drawing new cases inside each drawn draw, as for nested data,
would give every draw its own test set and turn $\sigma_b^2 / N$ into $\sigma_b^2 / (D N)$: too narrow. So
draws and cases are resampled independently of each other, each with the other factor left as it is, and the
two deviations added:

$$\mu^* = \bar v + c_D\,(\bar v^{\,\text{draws}*} - \bar v) + c_N\,(\bar v^{\,\text{cases}*} - \bar v),
  \qquad c_n = \frac{t_{n-1}}{z} \sqrt{\frac{n}{n-1}}$$

The factors $c_n$ repair what a percentile interval gets wrong in small samples: a resampled mean varies by
$\sqrt{(n-1)/n}$ too little, and its tails are those of a normal, not of Student's $t$, distribution.
Without them the interval can never leave the range of the draws; with 5 draws it would promise 95 % and
hold 86 %. $c_n$ is 1.58 for 5 draws, 1.22 for 10 and 1.03 for 60 cases. The term $\sigma_e^2/(DN)$ is
counted twice, which errs on the wide side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from segkit.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the interval that holds the mean over all draws and cases of its kind.

    Attributes:
        mean: over draws of the mean over defined cases.
        low: lower end; NaN with fewer than two draws or cases, which say nothing about their spread.
        high: upper end; NaN likewise.
        level: the promised coverage.
        draws: number of draws.
        cases: number of cases.
    """

    mean: float
    low: float
    high: float
    level: float
    draws: int
    cases: int


def hierarchical_bootstrap(
    values: ArrayLike,
    *,
    baseline: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    generator: np.random.Generator | None = None,
) -> Interval:
    """Bootstrap interval of a mean over crossed draws and cases, or of a paired difference of two.

    Measured over 3,000 simulated tables per setting, 60 cases each, the 95 % interval held the true mean in
    94 to 98 % of them at 5 to 20 draws with normal, uniform or heavy-tailed (t with 3 degrees) draw
    effects, and in about 91 % with exponential ones. Where one draw in seven fails outright and little else
    varies it held it in 59 % at 5 draws, 79 % at 10 and 94 % at 20, and Student's t did no better: draws
    that have not seen a failure cannot know of it. Read the minimum over draws beside the mean.

    Args:
        values: shape `(draws, cases)`; the same case in each column. NaN where a value is undefined.
        baseline: another arm's values for the same draws and cases. The interval is then of `values -
            baseline`, pair by pair: a pair of which one is undefined is left out.
        level: promised coverage, in (0, 1).
        resamples: bootstrap samples of draws and of cases.
        generator: source of randomness; default: the same sequence at each call, so that a table can be
            repeated.

    Returns:
        An `Interval`. Its ends may lie outside the range of the metric.

    Raises:
        DataError: not a table, shapes of the arms differ, or a draw has no defined case.
        ConfigError: level or resamples out of range.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> dice = 0.8 + 0.02 * rng.normal(size=(8, 1)) + 0.05 * rng.normal(size=(8, 60))
        >>> interval = hierarchical_bootstrap(dice)
        >>> interval.low < 0.8 < interval.high
        True
    """
    if not 0 < level < 1 or resamples < 1:
        raise ConfigError(f"level must be in (0, 1) and resamples positive, not {level} and {resamples}")
    table = _table(values, "values")
    if baseline is not None:
        other = _table(baseline, "baseline")
        if other.shape != table.shape:
            raise DataError(
                f"the arms have {table.shape} and {other.shape} draws and cases: they must be paired"
            )
        table = table - other
    n_draws, n_cases = table.shape
    defined = ~np.isnan(table)
    if not defined.any(axis=1).all():
        raise DataError(f"draw {int(np.argmin(defined.any(axis=1)))} has no case with a defined value")

    filled = np.where(defined, table, 0.0)
    per_draw = filled.sum(1) / defined.sum(1)
    mean = float(per_draw.mean())
    if min(n_draws, n_cases) < 2:
        return Interval(mean, math.nan, math.nan, level, n_draws, n_cases)

    rng = generator if generator is not None else np.random.default_rng(0)
    by_draws = per_draw[rng.integers(n_draws, size=(resamples, n_draws))].mean(1)
    counts = _counts(rng.integers(n_cases, size=(resamples, n_cases)), n_cases)
    # A resample without any defined case of a draw says nothing about that draw: it keeps its own mean.
    hits = counts @ defined.T
    by_cases = np.where(hits > 0, counts @ filled.T / np.maximum(hits, 1), per_draw).mean(1)

    deviations = stretch(n_draws, level) * (by_draws - mean) + stretch(n_cases, level) * (by_cases - mean)
    low, high = mean + np.quantile(deviations, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high), level, n_draws, n_cases)


def stretch(n: int, level: float) -> float:
    r"""$c_n = (t_{n-1} / z) \sqrt{n / (n-1)}$ at a two-sided level; 1 for large `n`.

    Example:
        >>> round(stretch(5, 0.95), 2), round(stretch(1000, 0.95), 2)
        (1.58, 1.0)
    """
    tail = (1 + level) / 2
    return float(stdtrit(n - 1, tail) / ndtri(tail) * math.sqrt(n / (n - 1)))


def _table(values: ArrayLike, name: str) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or 0 in table.shape:
        raise DataError(f"{name} must have shape (draws, cases) with at least one of each, not {table.shape}")
    return table


def _counts(drawn: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """How often each of `n` items was drawn in each row, by one bincount over all rows."""
    rows = drawn + n * np.arange(len(drawn))[:, None]
    return np.bincount(rows.ravel(), minlength=n * len(drawn)).reshape(len(drawn), n).astype(np.float64)
