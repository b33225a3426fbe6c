"""The exact sign test over draws."""

from __future__ import annotations

from math import comb

from numpy.typing import ArrayLike

from segkit.evaluate.statistics.draw_differences import as_differences


def sign_test(differences: ArrayLike) -> float:
    r"""Two-sided p-value of "a draw is as likely to favour one arm as the other".

    $$p = \min\Bigl(1,\; 2^{1-n} \sum_{k=0}^{\min(n_+, n_-)} \binom{n}{k}\Bigr)$$

    Uses only which arm won each draw, so one wild draw cannot decide it. Draws without any difference are
    left out, as is usual.

    Args:
        differences: shape `(draws,)`: for each draw the difference of two arms, averaged over the test cases.

    Returns:
        p in (0, 1]. The smallest that `n` draws can give is 2^(1 - n): 5 draws never reach 0.05, 6 do.

    Example:
        >>> sign_test([0.02, 0.01, 0.03, 0.02, 0.04, 0.01])
        0.03125
    """
    d = as_differences(differences)
    up, down = int((d > 0).sum()), int((d < 0).sum())
    n = up + down
    # Integers of any length: exact also where 2^n is no longer a float.
    return min(1.0, 2 * sum(comb(n, k) for k in range(min(up, down) + 1)) / 2**n)
