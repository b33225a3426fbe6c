"""How much too large or too small a prediction is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segkit.evaluate.measure import Measure
from segkit.evaluate.pair import Pair


def volume_error(prediction: Any, truth: Any, *, spacing_mm: Sequence[float] | None) -> Measure:
    r"""Signed error of the volume, $(|P| - |T|)\,v$ with $v$ the volume of a voxel: negative if too small.

    Defined for empty masks too: a missed structure counts with its whole volume. Errors of both signs
    cancel in a mean, which is then the *bias* of the method and no measure of its accuracy.

    Args:
        prediction: boolean mask, shape `(*S)`, array or tensor.
        truth: boolean mask of the same shape.
        spacing_mm: size of a voxel along each axis in mm; None gives the error in voxels.

    Returns:
        A `Measure` in mm³ (in mm² for 2-D masks, in voxels without spacing); 0 for a perfect prediction.

    Example:
        >>> volume_error(np.ones((2, 2, 2), bool), np.zeros((2, 2, 2), bool), spacing_mm=(1, 1, 2)).value
        16.0
    """
    return volume_error_of(Pair(prediction, truth, spacing_mm))


def volume_error_of(pair: Pair) -> Measure:
    """`volume_error` of a pair."""
    unit = pair.unit if pair.unit == "voxels" else {1: "mm", 2: "mm²", 3: "mm³"}[pair.spacing.size]
    value = (pair.n_prediction - pair.n_truth) * float(np.prod(pair.spacing))
    return Measure(value, pair.status, "formula", unit)
