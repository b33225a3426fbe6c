"""A mask and what has to be known about it before it is used as an input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.data import Case

Origin = Literal["threshold", "label", "network", "population"]

NEARLY_ALL = 0.98
"""Share of the volume from which on a mask counts as constant."""

MOSTLY_CUT = 0.6
"""Share of the border from which on an outline counts as not seen."""

MOSTLY_REMOVED = 0.3
"""Share of removed voxels from which on a body mask counts as wrong."""

_SIDES = {"R": "right", "L": "left", "A": "front", "P": "back", "S": "head", "I": "feet"}
_OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}


@dataclass(frozen=True)
class MaskReport:
    """The quality of one mask.

    Attributes:
        name: what the mask shows ("body", "lungs", "parent", …).
        origin: where it comes from: "threshold" (the image alone), "label" (an oracle: nobody has it at test
            time), "network" (predicted), "population" (other patients).
        share: of the image's voxels that are mask, in [0, 1].
        volume_ml: of the mask, or None for an image without spacing.
        removed_components: connected parts that were taken for something else (couch, tubes, metal).
        removed_share: of the voxels that were found first, those that are not in the mask, in [0, 1].
        cut: side of the image → share of that face which is mask, where any is: there the field of view ends
            inside the structure. Padded axial slices, all of one value, are not part of the image.
        edge: share of the image's border that is mask, the first and last axial slice left aside.

    Example:
        >>> from segkit.data import phantom
        >>> from segkit.mask_prior import body_mask
        >>> report = body_mask(phantom("ct_pelvis", 0)).report
        >>> report.informative, sorted(report.cut)
        (False, ['back', 'feet', 'front', 'head', 'left', 'right'])
        >>> report.note
        'the body mask covers 100.0 % of the image: it is nearly constant and says nothing about position'
    """

    name: str
    origin: Origin
    share: float
    volume_ml: float | None
    removed_components: int
    removed_share: float
    cut: Mapping[str, float]
    edge: float

    @property
    def informative(self) -> bool:
        """Whether the mask says anything about position; see `note` if not."""
        return not self.note

    @property
    def note(self) -> str:
        """One sentence on a mask that says nothing about position; empty for others."""
        if self.share == 0:
            return f"the {self.name} mask is empty and says nothing about position"
        if self.share >= NEARLY_ALL:
            return (
                f"the {self.name} mask covers {100 * self.share:.1f} % of the image: it is nearly constant "
                "and says nothing about position"
            )
        if self.name == "body" and self.edge > MOSTLY_CUT:
            return (
                f"the body reaches {100 * self.edge:.0f} % of the image's border: the field of view lies "
                "inside the patient, and the outline is not in the image"
            )
        if self.name == "body" and self.removed_share > MOSTLY_REMOVED:
            return (
                f"{100 * self.removed_share:.0f} % of what was brighter than air is not in the body mask: it "
                "is no outline, look at it before it is used"
            )
        return ""


class Mask(NamedTuple):
    """A mask and its report.

    Attributes:
        voxels: bool, `(*S)`, on the grid of the case.
        report: its quality.
    """

    voxels: Tensor
    report: MaskReport


def as_mask(
    voxels: NDArray[np.bool_],
    case: Case,
    name: str,
    origin: Origin,
    *,
    found: NDArray[np.bool_] | None = None,
    removed: int = 0,
) -> Mask:
    """A mask with its report.

    Args:
        voxels: the mask.
        case: the case on whose grid it lies.
        name: what it shows.
        origin: where it comes from.
        found: the mask before parts were removed; None if none were.
        removed: connected parts that were removed.
    """
    count = int(voxels.sum())
    volume = None if case.spacing_mm is None else count * float(np.prod(case.spacing_mm)) / 1000
    lost = 0.0 if found is None else float((found & ~voxels).sum()) / max(1, int(found.sum()))
    cut, border, across = {}, [], slice_axis(case)
    for axis, sides in enumerate(side_names(case)):
        ends = (0, -1) if axis != across else _scanned(case, axis)
        for end, side in zip(ends, sides, strict=True):
            face = voxels.take(end, axis=axis)
            if face.any():
                cut[side] = float(face.mean())
            if axis != across:
                border.append(face.ravel())
    edge = float(np.concatenate(border).mean())
    report = MaskReport(name, origin, count / voxels.size, volume, removed, lost, cut, edge)
    return Mask(torch.from_numpy(voxels), report)


def _scanned(case: Case, axis: int) -> tuple[int, int]:
    """The first and last slice that shows something: arrays are padded where nothing was scanned."""
    image = case.image[0].numpy()
    n = image.shape[axis]

    def shows(i: int) -> bool:
        plane = image.take(i, axis=axis)
        return bool(plane.max() > plane.min())

    first = next((i for i in range(n) if shows(i)), 0)
    last = next((i for i in reversed(range(n)) if shows(i)), n - 1)
    return first, last


def side_names(case: Case) -> list[tuple[str, str]]:
    """Names of the two ends of every axis: sides of the patient in 3-D, "axis 0, low" without spacing."""
    dims = len(case.shape)
    if case.spacing_mm is None or dims != 3:
        return [(f"axis {a}, low", f"axis {a}, high") for a in range(dims)]
    from nibabel.orientations import aff2axcodes

    return [(_SIDES[_OPPOSITE[code]], _SIDES[code]) for code in aff2axcodes(case.affine)]


def slice_axis(case: Case) -> int | None:
    """The axis nearest to the patient's long one, across which axial slices lie; None for a 2-D image."""
    if len(case.shape) != 3:
        return None
    if case.spacing_mm is None:
        return 0
    return int(np.abs(case.affine[2, :3] / np.asarray(case.spacing_mm)).argmax())
