r"""Masks of a CT volume by thresholds in HU and morphology in mm: body, air, lungs, bone, skull.

With $\mathrm{op}_r$, $\mathrm{cl}_r$ opening and closing by a ball of r mm, LCC the largest connected part
and fill the filling of holes in axial slices,
$$ M_{body}=\mathrm{fill}\,\mathrm{cl}_4\,\mathrm{LCC}\,\mathrm{op}_6[I>-300],\quad
   M_{air}=\mathrm{op}_4[I<-400]\cap M_{body}. $$
The construction is ours: of the paper [kazemimoghadam2022masks] only the abstract could be read, and it does
not say what its masks show. Each mask is computed from the scan alone, once, at training and at test time
alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segkit.data import Case
from segkit.errors import DataError
from segkit.mask_prior.balls import closed, opened
from segkit.mask_prior.hounsfield import hounsfield
from segkit.mask_prior.regions import fill_slices, largest_part, parts_above
from segkit.mask_prior.reports import Mask, as_mask, slice_axis

BONE_HU, SKULL_HU = 250.0, 300.0


def body_mask(
    case: Case, *, threshold_hu: float = -300.0, open_mm: float = 6.0, close_mm: float = 4.0
) -> Mask:
    """The patient, lungs and airways included, without couch, tubes and what else lies in the air.

    Args:
        case: a CT in HU, with spacing.
        threshold_hu: between air and tissue.
        open_mm: what is thinner than twice this is cut off (boards, tubes; also ears on fine grids).
        close_mm: gaps narrower than twice this are closed.

    Returns:
        The mask and its report. A field of view inside the body gives a mask of nearly all voxels, and the
        report says so.

    Raises:
        DataError: no HU, or no spacing.

    Example:
        >>> from segkit.mask_prior import torso_phantom
        >>> mask, report = body_mask(torso_phantom((16, 64, 88), (8.0, 5.0, 5.0)))
        >>> report.removed_components, report.informative
        (0, True)
    """
    found = hounsfield(case) > threshold_hu
    body, removed = clean_body(found, case, open_mm=open_mm, close_mm=close_mm)
    return as_mask(body, case, "body", "threshold", found=found, removed=removed)


def air_mask(case: Case, *, body: Mask | None = None) -> Mask:
    """Air inside the body: lungs, wide airways, sinuses, gas in the bowel.

    Args:
        case: a CT in HU, with spacing.
        body: its `body_mask`, if it is at hand already.

    Raises:
        DataError: no HU, no spacing, or a body mask on another grid.
    """
    hu, inside = inside_body(case, body)
    found = (hu < -400) & inside
    air = opened(found, 4.0, voxel_mm(case)) & inside
    return as_mask(air, case, "air", "threshold", found=found)


def lung_mask(case: Case, *, body: Mask | None = None) -> Mask:
    """The two largest pieces of air above 100 ml; lungs that an airway joins are one piece.

    Args and errors: as for `air_mask`. Empty where no lung is in the field of view, and the report says so.
    """
    return lungs_of(air_mask(case, body=body), case)


def bone_mask(case: Case, *, body: Mask | None = None) -> Mask:
    """Bone, without pieces below 1 ml: calcified vessels, fillings, noise.

    Contrast medium reaches the threshold of 250 HU in the heart: look at `removed_components` and the volume.
    Args and errors: as for `air_mask`.
    """
    hu, inside = inside_body(case, body)
    found = (hu > BONE_HU) & inside
    bone, removed = parts_above(found, 1000 / float(np.prod(voxel_mm(case))))
    return as_mask(bone, case, "bone", "threshold", found=found, removed=removed)


def skull_mask(case: Case, *, body: Mask | None = None) -> Mask:
    """The largest piece of dense bone: in a scan of the head the skull, often with jaw and spine.

    Args and errors: as for `air_mask`.
    """
    hu, inside = inside_body(case, body)
    found = (hu > SKULL_HU) & inside
    skull, removed = largest_part(found)
    return as_mask(skull, case, "skull", "threshold", found=found, removed=removed)


def clean_body(
    found: NDArray[np.bool_], case: Case, *, open_mm: float, close_mm: float
) -> tuple[NDArray[np.bool_], int]:
    """The body among what was brighter than air, and the number of parts that are not body."""
    axis = slice_axis(case)
    # Without spacing the distance of the slices is unknown too: each is cleaned by itself.
    step = case.spacing_mm or tuple(1e6 if a == axis else 1.0 for a in range(found.ndim))
    body, removed = largest_part(opened(found, open_mm, step))
    return fill_slices(closed(body, close_mm, step), axis), removed


def lungs_of(air: Mask, case: Case) -> Mask:
    """`lung_mask` from an air mask."""
    voxels = air.voxels.numpy()
    lungs, removed = parts_above(voxels, 100_000 / float(np.prod(voxel_mm(case))), most=2)
    return as_mask(lungs, case, "lungs", "threshold", found=voxels, removed=removed)


def inside_body(case: Case, body: Mask | None) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The image in HU, and the body, found if it is not given."""
    hu = hounsfield(case)
    inside = (body_mask(case) if body is None else body).voxels.numpy()
    if inside.shape != hu.shape:
        raise DataError(
            f"the body mask has shape {inside.shape} but case {case.id} has {hu.shape}: a mask must be made "
            "from the case that it is used with"
        )
    return hu, inside


def voxel_mm(case: Case) -> tuple[float, ...]:
    """The spacing, which CT masks need."""
    if case.spacing_mm is None:
        raise DataError(f"case {case.id} has no spacing, without which mm mean nothing: set spacing_mm")
    return case.spacing_mm
