"""Overlap where it is hard: near the contour of the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from segkit.data.distances import contour_band
from segkit.errors import ConfigError
from segkit.evaluate.measure import Measure, OverlapPolicy
from segkit.evaluate.overlap import check_overlap_policy
from segkit.evaluate.pair import Pair


def band_dice(
    prediction: Any,
    truth: Any,
    *,
    width_mm: float,
    spacing_mm: Sequence[float] | None,
    policy: OverlapPolicy = "nan",
) -> Measure:
    r"""Dice over the voxels within a distance of the true contour, on both sides of it.

    $$2\,|P \cap T \cap B| \,/\, (|P \cap B| + |T \cap B|)$$

    with $B$ the voxels whose nearest voxel on the other side of the contour is at most `width_mm` away. The
    inside of a large structure, which every method finds, no longer hides what happens at its border.

    Args:
        prediction: boolean mask, shape `(*S)`, array or tensor.
        truth: boolean mask of the same shape.
        width_mm: reach of the band to each side in mm (in voxels without spacing); at least the smallest
            voxel side.
        spacing_mm: size of a voxel along each axis in mm, or None.
        policy: both masks empty is undefined ("nan") or worth 1 ("one").

    Returns:
        A `Measure` in [0, 1]; 0 for a missed or spurious structure, NaN for a truth that fills the image,
        or whose contour runs only between voxels that are farther apart.

    Raises:
        ConfigError: a width that no voxel is near enough for.

    Example:
        >>> truth, prediction = torch.zeros(2, 9, dtype=torch.bool)
        >>> truth[2:7], prediction[3:7] = True, True
        >>> band_dice(prediction, truth, width_mm=1, spacing_mm=None).value
        0.6666666666666666
    """
    return band_dice_of(Pair(prediction, truth, spacing_mm), width_mm, policy)


def band_dice_of(pair: Pair, width_mm: float, policy: OverlapPolicy) -> Measure:
    """`band_dice` of a pair."""
    check_overlap_policy(policy)
    if not width_mm >= pair.spacing.min():
        raise ConfigError(
            f"a band of {width_mm} {pair.unit} holds no voxel: it must be {pair.spacing.min():g} or wider"
        )
    if pair.status == "both_empty":
        return Measure(1.0 if policy == "one" else math.nan, pair.status, policy)
    if pair.status != "defined":
        return Measure(0.0, pair.status, policy)
    prediction, truth = pair.with_rim()
    band = contour_band(torch.from_numpy(truth.astype("uint8")), width_mm, tuple(pair.spacing)).numpy()
    found, wanted = prediction & band, truth & band
    total = int(found.sum()) + int(wanted.sum())
    value = 2 * int((found & wanted).sum()) / total if total else math.nan
    return Measure(value, pair.status, policy)
