"""Every metric of every structure of one case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.data.case import Case
from segkit.errors import ConfigError, DataError, unknown_name
from segkit.evaluate.band import band_dice_of
from segkit.evaluate.distances import assd_of, centroid_distance_of, check_distance_policy, hd95_of
from segkit.evaluate.measure import DistancePolicy, Measure, OverlapPolicy
from segkit.evaluate.overlap import check_overlap_policy, dice_of, iou_of, ppv_of, sensitivity_of
from segkit.evaluate.pair import Pair
from segkit.evaluate.volume import volume_error_of


@dataclass(frozen=True, slots=True)
class Policies:
    """The rules under which a case is evaluated."""

    overlap: OverlapPolicy = "nan"
    distance: DistancePolicy = "diagonal"
    band_mm: float = 2.0


METRICS: dict[str, Callable[[Pair, Policies], Measure]] = {
    "dice": lambda pair, rules: dice_of(pair, rules.overlap),
    "iou": lambda pair, rules: iou_of(pair, rules.overlap),
    "sensitivity": lambda pair, rules: sensitivity_of(pair, rules.overlap),
    "ppv": lambda pair, rules: ppv_of(pair, rules.overlap),
    "hd95_mm": lambda pair, rules: hd95_of(pair, rules.distance),
    "assd_mm": lambda pair, rules: assd_of(pair, rules.distance),
    "centroid_distance_mm": lambda pair, rules: centroid_distance_of(pair, rules.distance),
    "volume_error": lambda pair, rules: volume_error_of(pair),
    "band_dice": lambda pair, rules: band_dice_of(pair, rules.band_mm, rules.overlap),
}
"""Name → metric of a pair of masks. All share one crop and one pair of distance maps per structure."""

DEFAULT_METRICS = tuple(name for name in METRICS if name != "band_dice")
"""All but the one that depends on a width."""


def evaluate_case(
    prediction: Any,
    truth: Any,
    spacing_mm: Sequence[float] | None = None,
    classes: Sequence[str] | None = None,
    *,
    metrics: Iterable[str] = DEFAULT_METRICS,
    overlap_policy: OverlapPolicy = "nan",
    distance_policy: DistancePolicy = "diagonal",
    band_mm: float = 2.0,
) -> dict[str, dict[str, Measure]]:
    """Metrics of every class but the background.

    Args:
        prediction: whole-number labels, shape `(*S)`, array or tensor on any device.
        truth: a labelled `Case`, which brings spacing and classes; or labels like the prediction.
        spacing_mm: voxel size in mm for bare labels; None gives distances in voxels.
        classes: names of the label values for bare labels, the background first.
        metrics: names out of `METRICS`; default: `DEFAULT_METRICS`.
        overlap_policy: see `dice`.
        distance_policy: see `hd95_mm`.
        band_mm: width of the band of `band_dice` in mm; in voxels without spacing.

    Returns:
        `result[class][metric]`, a `Measure`.

    Raises:
        DataError: shapes differ, labels are not whole, a label is no class, or the case has no or no whole
            label.
        ConfigError: an unknown metric or policy, bare labels without classes, or a case with spacing or
            classes beside it.

    Example:
        >>> truth = np.zeros((6, 6, 6), int)
        >>> truth[1:4, 1:4, 1:4] = 1
        >>> result = evaluate_case(truth, truth, (1.0, 1.0, 2.0), ("background", "tumour"))
        >>> result["tumour"]["dice"].value, result["tumour"]["assd_mm"].value
        (1.0, 0.0)
    """
    check_overlap_policy(overlap_policy)
    check_distance_policy(distance_policy)
    names = tuple(metrics)
    for name in names:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS)
    where = "prediction and truth"
    if isinstance(truth, Case):
        if spacing_mm is not None or classes is not None:
            raise ConfigError("a case has its own spacing and classes: pass its label to use others")
        if truth.label is None:
            raise DataError(f"{truth.id} has no label to compare with")
        where, truth, spacing_mm, classes = truth.id, truth.label, truth.spacing_mm, truth.classes
    if not classes:
        raise ConfigError("name the classes of bare labels, the background first")
    found, wanted = _labels(prediction, "prediction", len(classes)), _labels(truth, "truth", len(classes))
    if found.shape != wanted.shape:
        raise DataError(f"{where}: the prediction has shape {found.shape}, the truth {wanted.shape}")

    rules = Policies(overlap_policy, distance_policy, band_mm)
    result = {}
    for value, structure in enumerate(classes[1:], start=1):
        pair = Pair(found == value, wanted == value, spacing_mm)
        result[structure] = {name: METRICS[name](pair, rules) for name in names}
    return result


def _labels(labels: Any, name: str, n_classes: int) -> NDArray[np.integer]:
    array = np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)
    if array.dtype.kind not in "iu":
        raise DataError(
            f"the {name} must hold whole-number labels, not {array.dtype}: take argmax or cast it"
        )
    if array.size == 0 or array.min() < 0 or array.max() >= n_classes:
        span = f"{array.min()} … {array.max()}" if array.size else "nothing"
        raise DataError(
            f"the {name} holds {span}, but a voxel must have a label of 0 … {n_classes - 1} to be measured"
        )
    return array
