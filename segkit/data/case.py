"""One patient's image with its labels, in physical space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.errors import DataError

IGNORE = -1
"""Label of a voxel that nobody annotated."""


@dataclass(frozen=True, eq=False)
class Case:
    """An image, its label map, and where both lie in space.

    Attributes:
        image: float32, shape `(C, *S)` with two or three spatial axes `S`.
        label: int64, shape `(*S)`, values `0 … len(classes) - 1`, or None for an unlabelled case. A voxel
            that nobody annotated holds -1.
        spacing_mm: size of a voxel along each axis of `S` in mm, or None where a data set has lost it.
        affine: float64, shape `(4, 4)`: voxel index → mm in RAS+ (x right, y anterior, z superior). A 2-D
            case uses the first two columns. Without spacing it is the identity and its unit is the voxel.
        id: unique in its data set.
        group: the patient. Splits keep a group together.
        classes: names of the label values; `classes[0]` is the background.
        meta: what else the source tells (phase, scribble, circumference), never needed for training.

    Example:
        >>> affine = np.diag([1.0, 1.0, 5.0, 1.0])
        >>> case = Case(torch.zeros(1, 4, 4, 2), None, (1.0, 1.0, 5.0), affine, id="a", group="a")
        >>> case.validate().shape
        (4, 4, 2)
    """

    image: Tensor
    label: Tensor | None
    spacing_mm: tuple[float, ...] | None
    affine: NDArray[np.float64]
    id: str
    group: str
    classes: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """The spatial axes `S`, without channels."""
        return tuple(self.image.shape[1:])

    @property
    def n_classes(self) -> int:
        """How many label values there are, background included."""
        return len(self.classes)

    def with_(self, **changes: Any) -> Case:
        """A copy in which the named fields are replaced; tensors that stay are shared, not copied."""
        return replace(self, **changes)

    def validate(self) -> Case:
        """Check every promise of this class.

        Returns:
            The case itself, so that a reader can end in `return case.validate()`.

        Raises:
            DataError: a wrong type or shape, a voxel that is not finite, a label that is no class, a spacing
                that is not positive, an affine that is singular or contradicts the spacing.
        """
        self._validate_image()
        self._validate_label()
        self._validate_space()
        return self

    def _validate_image(self) -> None:
        if self.image.dtype != torch.float32 or self.image.ndim not in (3, 4) or 0 in self.image.shape:
            raise DataError(
                f"{self.id}: image is {self.image.dtype} of shape {tuple(self.image.shape)}, but a case "
                "needs float32 of shape (C, *S) with two or three spatial axes"
            )
        bad = int((~torch.isfinite(self.image)).sum())
        if bad:
            raise DataError(
                f"{self.id}: {bad} voxels are NaN or infinite; replace them before the image is used"
            )

    def _validate_label(self) -> None:
        if self.label is None:
            return
        if tuple(self.label.shape) != self.shape:
            raise DataError(
                f"{self.id}: label has shape {tuple(self.label.shape)} but the image has {self.shape}; "
                "both must lie on one grid"
            )
        if self.label.dtype != torch.int64:
            raise DataError(f"{self.id}: label is {self.label.dtype}; cast it to int64")
        low, high = int(self.label.min()), int(self.label.max())
        if low < IGNORE or high >= self.n_classes:
            wrong = low if low < IGNORE else high
            raise DataError(
                f"{self.id}: label value {wrong} is no class; known are 0 to {self.n_classes - 1} "
                f"({', '.join(self.classes) or 'no names given'}) and {IGNORE} for not annotated"
            )

    def _validate_space(self) -> None:
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all():
            raise DataError(f"{self.id}: the affine must be 4 by 4 and finite, it is {self.affine.tolist()}")
        if self.spacing_mm is not None:
            self._validate_spacing(self.spacing_mm)
        if abs(np.linalg.det(self.affine)) < 1e-12:
            raise DataError(
                f"{self.id}: the affine is singular, so voxels have no place in space; mend the header"
            )

    def _validate_spacing(self, spacing_mm: tuple[float, ...]) -> None:
        dims = self.image.ndim - 1
        if len(spacing_mm) != dims or not all(isfinite(s) and s > 0 for s in spacing_mm):
            raise DataError(
                f"{self.id}: spacing_mm is {spacing_mm}, but {dims} positive numbers are needed; mend "
                "the header"
            )
        steps = np.linalg.norm(self.affine[:3, :dims], axis=0)
        if not np.allclose(steps, spacing_mm, rtol=1e-3):
            raise DataError(
                f"{self.id}: spacing_mm is {spacing_mm} but the affine steps {steps.round(4).tolist()} "
                "mm; the two must agree"
            )

    def _repr_html_(self) -> str:
        # Imported here: a training run never draws, and drawing needs PIL.
        from segkit.data.display import case_html

        return case_html(self)
