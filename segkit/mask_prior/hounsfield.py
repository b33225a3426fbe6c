"""Is this image in Hounsfield units? A threshold in HU means nothing in any other unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segkit.data import Case
from segkit.errors import DataError

SOFT = (-200.0, 200.0)
"""HU of fat, water, muscle, blood and most contrast medium: some of it is in every CT of a patient."""

LEAST_SOFT = 0.01
"""Least share of soft tissue in a scan; in head-and-neck arrays that are mostly air it is 0.06 to 0.10."""

MOST_DENSE = 0.05
"""Most of a scan without air that is as dense as soft tissue 1024 too high. In 6 training patients of OpenKBP
it was at most 0.02 of the array or of the box about the organs, and 0.06 or more after adding 1024 and noise.
"""

_SAMPLE = 2_000_000


def hounsfield(case: Case) -> NDArray[np.float32]:
    """The first channel of a case, after a check that its values can be HU.

    HU of a patient contain air (−1000) or at least fat (−100), and soft tissue between −200 and 200. Stored
    values without their offset start at 0 or, with noise, have no air and much at 1000; z-scores and windows
    to [0, 1] span less than 200.

    Returns:
        float32, `(*S)`, sharing memory with the case.

    Raises:
        DataError: the values cannot be HU, or the case has no spacing, without which mm mean nothing.
    """
    if case.spacing_mm is None:
        raise DataError(
            f"case {case.id} has no spacing, but masks of a CT are made with radii in mm: set spacing_mm"
        )
    values: NDArray[np.float32] = case.image[0].numpy()
    low, high = float(values.min()), float(values.max())
    # Every n-th voxel is enough to see whether there is soft tissue; the step must not hit one column only.
    some = values.ravel()[:: max(1, values.size // _SAMPLE) | 1]
    soft, dense = (float(((some >= SOFT[0] + up) & (some <= SOFT[1] + up)).mean()) for up in (0, 1024))
    shifted = dense > MOST_DENSE and float((some < -500).mean()) < 1e-3
    if high - low < 200 or low > -50 or soft < LEAST_SOFT or shifted:
        raise DataError(
            f"case {case.id}: intensities from {low:g} to {high:g} with {100 * soft:.1f} % between "
            f"{SOFT[0]:g} and {SOFT[1]:g} are not Hounsfield units: undo normalisation, subtract the offset "
            "of stored values, or use mr_body_mask for an MR image"
        )
    return values
