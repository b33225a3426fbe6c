r"""How far apart two masks lie, in mm.

A structure that is missed, or predicted where there is none, has no distance. Left out of the mean, as many
tools do, it makes a method that misses more look better. Under the policy "diagonal" it gets the length of
the image's diagonal instead, which no measured distance reaches. Both masks empty is undefined and counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segkit.errors import unknown_name
from segkit.evaluate.measure import DistancePolicy, Measure
from segkit.evaluate.pair import Mask, Pair


def hd95_mm(
    prediction: Any, truth: Any, *, spacing_mm: Sequence[float] | None, policy: DistancePolicy = "diagonal"
) -> Measure:
    r"""95th percentile Hausdorff distance between the surfaces $\partial P$ and $\partial T$.

    $$\max\bigl(\mathrm{perc}_{95}\{d(p, \partial T) : p \in \partial P\},\;
      \mathrm{perc}_{95}\{d(t, \partial P) : t \in \partial T\}\bigr)$$

    The larger of the two directed percentiles, as in MONAI and surface-distance; the percentile of both
    sets thrown together (medpy) is smaller. Surfaces are sets of voxels; see `segkit.evaluate.pair`.

    Args:
        prediction: boolean mask, shape `(*S)`, array or tensor.
        truth: boolean mask of the same shape.
        spacing_mm: size of a voxel along each axis in mm; None gives the distance in voxels, and its unit
            says so.
        policy: what a missed or spurious structure is worth: the image's diagonal, or undefined and counted
            ("nan").

    Returns:
        A `Measure` ≥ 0; 0 for a perfect prediction.

    Example:
        >>> truth, moved = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
        >>> truth[2:5, 2:5] = True
        >>> moved[2:5, 4:7] = True
        >>> hd95_mm(moved, truth, spacing_mm=(1.0, 1.5)).value
        3.0
    """
    return hd95_of(Pair(prediction, truth, spacing_mm), policy)


def assd_mm(
    prediction: Any, truth: Any, *, spacing_mm: Sequence[float] | None, policy: DistancePolicy = "diagonal"
) -> Measure:
    r"""Average symmetric surface distance: mean of all distances from one surface to the other.

    $$\frac{\sum_{p \in \partial P} d(p, \partial T) + \sum_{t \in \partial T} d(t, \partial P)}
      {|\partial P| + |\partial T|}$$

    As MONAI's `compute_average_surface_distance(symmetric=True)`. Arguments and rules as for `hd95_mm`.
    """
    return assd_of(Pair(prediction, truth, spacing_mm), policy)


def centroid_distance_mm(
    prediction: Any, truth: Any, *, spacing_mm: Sequence[float] | None, policy: DistancePolicy = "diagonal"
) -> Measure:
    """Distance between the centres of mass of the two masks; arguments and rules as for `hd95_mm`."""
    return centroid_distance_of(Pair(prediction, truth, spacing_mm), policy)


def hd95_of(pair: Pair, policy: DistancePolicy) -> Measure:
    """`hd95_mm` of a pair."""
    if pair.status != "defined":
        return _without_distance(pair, policy)
    return _distance(max(float(np.percentile(d, 95)) for d in pair.surface_distances), pair, policy)


def assd_of(pair: Pair, policy: DistancePolicy) -> Measure:
    """`assd_mm` of a pair."""
    if pair.status != "defined":
        return _without_distance(pair, policy)
    return _distance(float(np.concatenate(pair.surface_distances).mean()), pair, policy)


def centroid_distance_of(pair: Pair, policy: DistancePolicy) -> Measure:
    """`centroid_distance_mm` of a pair."""
    if pair.status != "defined":
        return _without_distance(pair, policy)
    shift = (_centroid(pair.prediction) - _centroid(pair.truth)) * pair.spacing
    return _distance(float(np.linalg.norm(shift)), pair, policy)


def check_distance_policy(policy: str) -> None:
    """`ConfigError` for a policy that distances do not know."""
    if policy not in ("diagonal", "nan"):
        raise unknown_name("policy for distances", policy, ("diagonal", "nan"))


def _distance(value: float, pair: Pair, policy: DistancePolicy) -> Measure:
    check_distance_policy(policy)
    return Measure(value, pair.status, policy, pair.unit)


def _without_distance(pair: Pair, policy: DistancePolicy) -> Measure:
    one_empty = pair.status in ("missed", "spurious")
    return _distance(pair.diagonal if one_empty and policy == "diagonal" else math.nan, pair, policy)


def _centroid(mask: Mask) -> np.ndarray:
    """Mean voxel index along each axis, from the counts per slice: no list of voxels is built."""
    centre = []
    for axis in range(mask.ndim):
        counts = mask.sum(axis=tuple(i for i in range(mask.ndim) if i != axis))
        centre.append(counts @ np.arange(counts.size) / counts.sum())
    return np.array(centre)
