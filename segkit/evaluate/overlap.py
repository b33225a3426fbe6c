r"""How much of two masks coincides. $P$ is the predicted set of voxels, $T$ the true one.

All four are in $[0, 1]$ and 1 for a perfect prediction. A missed structure gets 0 in each of them, also in
the positive predictive value, whose formula is then 0/0: leaving it out would let a method raise its mean
by finding less.
"""

from __future__ import annotations

import math
from typing import Any

from segkit.errors import unknown_name
from segkit.evaluate.measure import Measure, OverlapPolicy
from segkit.evaluate.pair import Pair


def dice(prediction: Any, truth: Any, *, policy: OverlapPolicy = "nan") -> Measure:
    r"""Dice similarity coefficient, $2\,|P \cap T| \,/\, (|P| + |T|)$.

    Args:
        prediction: boolean mask, shape `(*S)`, array or tensor.
        truth: boolean mask of the same shape.
        policy: both masks empty is undefined and counted ("nan"), or worth 1 ("one"). One class that most
            cases lack makes the mean over "one" mostly a count of empty cases, so "nan" is the default.

    Returns:
        A `Measure` in [0, 1]; 0 for a missed or spurious structure.

    Example:
        >>> import numpy as np
        >>> dice(np.array([True, True, False]), np.array([True, False, False])).value
        0.6666666666666666
    """
    return dice_of(Pair(prediction, truth), policy)


def iou(prediction: Any, truth: Any, *, policy: OverlapPolicy = "nan") -> Measure:
    r"""Intersection over union, $|P \cap T| \,/\, |P \cup T|$, arguments and rules as for `dice`."""
    return iou_of(Pair(prediction, truth), policy)


def sensitivity(prediction: Any, truth: Any, *, policy: OverlapPolicy = "nan") -> Measure:
    r"""Share of the true voxels that was found, $|P \cap T| \,/\, |T|$.

    Undefined for a spurious structure under either policy: nothing was there to be found. Read it beside
    `ppv`, which is 0 then.
    """
    return sensitivity_of(Pair(prediction, truth), policy)


def ppv(prediction: Any, truth: Any, *, policy: OverlapPolicy = "nan") -> Measure:
    r"""Positive predictive value, $|P \cap T| \,/\, |P|$: share of the predicted voxels that is true.

    0 for a missed structure under either policy.
    """
    return ppv_of(Pair(prediction, truth), policy)


def dice_of(pair: Pair, policy: OverlapPolicy) -> Measure:
    """`dice` of a pair."""
    return _share(2 * pair.n_common, pair.n_prediction + pair.n_truth, pair, policy)


def iou_of(pair: Pair, policy: OverlapPolicy) -> Measure:
    """`iou` of a pair."""
    return _share(pair.n_common, pair.n_prediction + pair.n_truth - pair.n_common, pair, policy)


def sensitivity_of(pair: Pair, policy: OverlapPolicy) -> Measure:
    """`sensitivity` of a pair."""
    return _share(pair.n_common, pair.n_truth, pair, policy)


def ppv_of(pair: Pair, policy: OverlapPolicy) -> Measure:
    """`ppv` of a pair."""
    return _share(pair.n_common, pair.n_prediction, pair, policy)


def check_overlap_policy(policy: str) -> None:
    """`ConfigError` for a policy that overlap measures do not know."""
    if policy not in ("nan", "one"):
        raise unknown_name("policy for overlap", policy, ("nan", "one"))


def _share(numerator: int, denominator: int, pair: Pair, policy: OverlapPolicy) -> Measure:
    check_overlap_policy(policy)
    if pair.status == "both_empty":
        value = 1.0 if policy == "one" else math.nan
    elif pair.status == "missed":
        value = 0.0
    else:
        value = numerator / denominator if denominator else math.nan
    return Measure(value, pair.status, policy)
