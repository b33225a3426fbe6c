"""What the second of two stages keeps in memory: no more than the images, however much the first one errs."""

from __future__ import annotations

from collections.abc import Sequence

from segkit.data import Case, PreparedCase, crop_or_pad
from segkit.voxel_metric import CropBox, centroid, with_distances


def inside(box: CropBox, cases: Sequence[PreparedCase], spacing: Sequence[float]) -> tuple[float, ...]:
    """Half sides in mm of a box that is no larger than the images, however much stage 1 errs.

    Args:
        box: as `fit_box` found it.
        cases: on the grid of stage 2.
        spacing: of that grid, mm.
    """
    most = [(max(case.shape[k] for case in cases) - 1) * step / 2 for k, step in enumerate(spacing)]
    return tuple(map(min, box.half_mm, most))


def around(case: Case, room: Sequence[int]) -> Case:
    """The part of a case that boxes can show, which are shifted into the image, with distances.

    Args:
        case: labelled.
        room: voxels along each axis that boxes reach which are moved by the error of stage 1.
    """
    middle = zip(centroid(case.label), room, case.shape, strict=True)  # type: ignore[arg-type]
    centre = [c if r < n else (n - 1) / 2 for c, r, n in middle]
    return with_distances(crop_or_pad(case, list(map(min, room, case.shape)), centre=centre))
