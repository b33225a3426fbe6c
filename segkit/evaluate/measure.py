"""One measured number, with what an empty structure did to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Status = Literal["defined", "both_empty", "missed", "spurious"]
"""`defined`: both masks hold voxels; `both_empty`: neither does; `missed`: only the truth does; `spurious`:
only the prediction does."""

OverlapPolicy = Literal["nan", "one"]
"""What an overlap measure is worth when both masks are empty: undefined (and counted), or 1."""

DistancePolicy = Literal["diagonal", "nan"]
"""What a distance is worth when one mask alone is empty: the image's diagonal, or undefined (and counted)."""

SizePolicy = Literal["formula"]
"""A difference of sizes needs no rule: an empty mask has size 0."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The value of one metric for one structure of one case.

    Attributes:
        value: the number, or NaN where it is undefined. NaN is never dropped in silence: `summarise` counts
            it.
        status: which of the two masks were empty.
        policy: the rule for empty masks under which the value stands, also where the rule was not needed.
        unit: "1" for shares, "mm" for distances, "voxels" where the spacing is unknown, and so on.

    Example:
        >>> Measure(0.9, "defined", "nan").undefined
        False
    """

    value: float
    status: Status
    policy: OverlapPolicy | DistancePolicy | SizePolicy
    unit: str = "1"

    @property
    def undefined(self) -> bool:
        """Whether the value cannot enter a mean."""
        return math.isnan(self.value)
