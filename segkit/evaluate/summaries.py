"""The mean over cases, with the cases that are not in it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from segkit.errors import DataError
from segkit.evaluate.measure import Measure


@dataclass(frozen=True, slots=True)
class Summary:
    """What a table prints of one metric over many cases.

    Attributes:
        mean: mean of the defined values; NaN if there is none.
        median: their median.
        n: how many values are defined, those set by a policy included.
        undefined: how many are not, and are in neither mean nor median.
        missed: structures that the prediction lacks.
        spurious: structures that only the prediction has.
        policy: the rule for empty masks, the same for all; "" without cases.
        unit: the unit of the values; "" without cases.
    """

    mean: float
    median: float
    n: int
    undefined: int
    missed: int
    spurious: int
    policy: str = ""
    unit: str = ""


def summarise(measures: Iterable[Measure]) -> Summary:
    """Mean and median of one metric over cases, with counts of what is not a plain measurement.

    Args:
        measures: the same metric, under the same policy and in the same unit, of any number of cases.

    Returns:
        A `Summary`. Under the default policies a structure that is missed lowers every mean of shares and
        raises every mean of distances.

    Raises:
        DataError: if policies or units are mixed: their mean would mean nothing.

    Example:
        >>> cases = [Measure(0.9, "defined", "nan"), Measure(0.0, "missed", "nan")]
        >>> summarise([*cases, Measure(math.nan, "both_empty", "nan")])
        Summary(mean=0.45, median=0.45, n=2, undefined=1, missed=1, spurious=0, policy='nan', unit='1')
    """
    items = list(measures)
    kinds = {(m.policy, m.unit) for m in items}
    if len(kinds) > 1:
        raise DataError(f"cannot average values of different policy or unit: {sorted(kinds)}")
    policy, unit = kinds.pop() if kinds else ("", "")
    values = np.array([m.value for m in items if not m.undefined])
    return Summary(
        mean=float(values.mean()) if values.size else math.nan,
        median=float(np.median(values)) if values.size else math.nan,
        n=values.size,
        undefined=len(items) - values.size,
        missed=sum(m.status == "missed" for m in items),
        spurious=sum(m.status == "spurious" for m in items),
        policy=policy,
        unit=unit,
    )
