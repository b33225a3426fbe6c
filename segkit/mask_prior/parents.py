"""The structure that encloses the targets, from a label map, and coarser versions of a mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.data import Case
from segkit.errors import DataError, unknown_name
from segkit.mask_prior.balls import dilated
from segkit.mask_prior.reports import Mask, as_mask


def parent_mask(case: Case, classes: Sequence[str] | None = None) -> Mask:
    """The union of some classes of the case's own label: the heart of its chambers, the hippocampus of its
    halves.

    An oracle: nobody has it at test time, and it tells foreground from background exactly. A table that uses
    it must say so; `fit_parent_network` predicts one instead.

    Args:
        case: a labelled case. A voxel that nobody annotated counts as outside.
        classes: names of the classes that are joined; None takes all but the background.

    Raises:
        DataError: the case has no label.
        ConfigError: an unknown class.

    Example:
        >>> from segkit.data import phantom
        >>> voxels, report = parent_mask(phantom("cardiac_short_axis", 0))
        >>> report.origin, report.informative
        ('label', True)
    """
    if case.label is None:
        raise DataError(f"case {case.id} has no label to make a parent mask of: predict one instead")
    inside = case.label > 0
    if classes is not None:
        for name in classes:
            if name not in case.classes:
                raise unknown_name("class", name, case.classes)
        values = torch.tensor([case.classes.index(name) for name in classes])
        inside = torch.isin(case.label, values)
    return as_mask(inside.numpy(), case, "parent", "label")


def box_mask(mask: Tensor, *, margin_mm: float = 0.0, spacing_mm: Sequence[float] | None = None) -> Tensor:
    """The bounding box of a mask: position and size without shape.

    Args:
        mask: bool, `(*S)`.
        margin_mm: the box is larger by this on every side, rounded to whole voxels.
        spacing_mm: voxel size; None takes the margin in voxels.

    Raises:
        DataError: the mask is empty.
    """
    out = torch.zeros_like(mask, dtype=torch.bool)
    step = spacing_mm or (1.0,) * mask.ndim
    sides = bounding_box(mask)
    out[
        tuple(
            slice(max(0, low - round(margin_mm / s)), high + 1 + round(margin_mm / s))
            for (low, high), s in zip(sides, step, strict=True)
        )
    ] = True
    return out


def dilated_mask(mask: Tensor, width_mm: float, spacing_mm: Sequence[float] | None = None) -> Tensor:
    """A mask and all that lies within `width_mm` of it; without spacing the width is in voxels."""
    step = spacing_mm or (1.0,) * mask.ndim
    return torch.from_numpy(dilated(mask.bool().numpy(), width_mm, step))


def bounding_box(mask: Tensor) -> list[tuple[int, int]]:
    """First and last voxel of a mask along every axis.

    Raises:
        DataError: the mask is empty.
    """
    inside: NDArray[np.bool_] = mask.detach().cpu().numpy() != 0
    if not inside.any():
        raise DataError("an empty mask has no bounding box: look at its report before it is used")
    box = []
    for axis in range(inside.ndim):
        where = np.flatnonzero(inside.any(axis=tuple(a for a in range(inside.ndim) if a != axis)))
        box.append((int(where[0]), int(where[-1])))
    return box
