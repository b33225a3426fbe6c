"""Training batches of stage 2: crops about the true centroid, shaken as much as stage 1 is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from segkit.data import PatchBatches
from segkit.data.case import Case
from segkit.data.sampling import ForegroundIndex
from segkit.errors import DataError
from segkit.voxel_metric.boxes import CropBox, centroid, check_size, check_spacing

if TYPE_CHECKING:
    from segkit.data import Augment


class CropBatches(PatchBatches):
    """Batches of the box about each case's centroid plus a uniform jitter of ± the error of stage 1.

    In prediction the box lies where stage 1 says; without jitter, stage 2 would learn that structures are
    always in the middle. Boxes are shifted into the image as in `crop_at`. Otherwise as `PatchBatches`.

    Args:
        cases: labelled, on the grid of the box.
        box: from `fit_box`.
        batch_size: crops per batch.
        seed: 0 or more.
        augment: applied to every crop.
        keys: "image", "label", and names of voxelwise maps in `case.meta`.
        pad: pad cases that are smaller than the box.

    Raises:
        DataError: also if a case has another spacing than the box, is smaller than it and `pad` is not set,
            or has no structure.

    Example:
        >>> from segkit.data import phantoms
        >>> from segkit.voxel_metric import fit_box
        >>> cases = phantoms("hippocampus", 2)
        >>> batches = CropBatches(cases, fit_box(cases, margin_mm=2.0), batch_size=2, seed=0)
        >>> batches[0]["image"].shape[2:] == batches[0]["label"].shape[1:]
        True
    """

    def __init__(
        self,
        cases: Sequence[Case],
        box: CropBox,
        *,
        batch_size: int,
        seed: int,
        augment: Augment | None = None,
        keys: Sequence[str] = ("image", "label"),
        pad: bool = False,
    ) -> None:
        for case in cases:
            check_spacing(case, box.spacing_mm, "the box was fitted")
            if not pad:
                check_size(case, box)
        super().__init__(
            cases,
            patch=box.size,
            batch_size=batch_size,
            seed=seed,
            foreground=1.0,
            augment=augment,
            keys=keys,
            pad=pad,
        )
        jitter = np.array(box.error_mm) / np.array(box.spacing_mm)
        self.index = [
            _Shaken(case, maps["label"], box, jitter) for case, maps in zip(cases, self.maps, strict=True)
        ]


class _Shaken(ForegroundIndex):
    """Draws the middle of a patch about the centroid, where the others draw a voxel of a structure."""

    def __init__(self, case: Case, label: Tensor, box: CropBox, jitter: np.ndarray) -> None:
        super().__init__(label)
        centre = centroid(label)
        if centre is None:
            raise DataError(f"case {case.id} has no labelled structure to crop about: leave it out")
        self.centre, self.box, self.jitter = np.array(centre), box, jitter

    def draw(self, random: np.random.Generator) -> tuple[int, ...]:
        """A voxel such that the patch about it starts where the box about the shaken centroid starts."""
        shaken = self.centre + random.uniform(-1, 1, len(self.centre)) * self.jitter
        start = self.box.start(self.shape, shaken.tolist())
        return tuple(s + n // 2 for s, n in zip(start, self.box.size, strict=True))
