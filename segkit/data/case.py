"""One patient's image with its labels, in physical space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Case:
    """An image, its label map, and where both lie in space.

    Attributes:
        image: float32, shape `(C, *S)` with two or three spatial axes `S`.
        label: int64, shape `(*S)`, values `0 … len(classes) - 1`, or None for an unlabelled case.
        spacing_mm: size of a voxel along each axis of `S` in mm, or None where a data set has lost it.
        affine: float64, shape `(4, 4)`: voxel index → mm in RAS+ (x right, y anterior, z superior).
        id: unique in its data set.
        group: the patient. Splits keep a group together.
        classes: names of the label values; `classes[0]` is the background.
        meta: what else the source tells (phase, scribble, circumference), never needed for training.
    """

    image: Tensor
    label: Tensor | None
    spacing_mm: tuple[float, ...] | None
    affine: NDArray[np.float64]
    id: str
    group: str
    classes: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
