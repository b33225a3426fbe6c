"""What the tests over draws accept."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segkit.errors import DataError


def as_differences(differences: ArrayLike, *, at_least: int = 1) -> NDArray[np.float64]:
    """One finite number per draw, or a `DataError` that tells how to get there."""
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1:
        raise DataError(
            f"one difference per draw is needed, not shape {d.shape}: average over the cases first"
        )
    if d.size < at_least:
        raise DataError(f"at least {at_least} draws are needed, not {d.size}")
    if not np.isfinite(d).all():
        raise DataError(f"draw {int(np.argmin(np.isfinite(d)))} has no finite difference")
    return d


def smallest_p(draws: int) -> float:
    """The smallest two-sided p-value that an exact test over so many draws can give, 2^(1 - draws).

    Example:
        >>> smallest_p(5), smallest_p(6)
        (0.0625, 0.03125)
    """
    return 2.0 ** (1 - draws)
