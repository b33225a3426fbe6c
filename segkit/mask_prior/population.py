r"""What other patients know: how often a structure lay at a place, in a frame that patients share.

$$ A_c(x)=\frac1n\sum_j \mathbf 1[y_j(T_jx)=c] $$
The alignment $T_j$ is one of three. "grid": the arrays lie on one grid already. "array": every array is
stretched to the same box. "mask": the bounding box of a mask (body, parent structure) is. A patient's own
labels never enter its map: a network that saw them in training would trust the map, and find other maps at
test time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.data import Case
from segkit.errors import ConfigError, DataError, unknown_name
from segkit.mask_prior.parents import bounding_box

Frame = Literal["grid", "array", "mask"]
FRAMES = ("grid", "array", "mask")


class OccurrenceMaps:
    """Occurrence maps of every structure, made from training cases.

    Args:
        cases: labelled, of the same classes and orientation, of at least two patients.
        frame: how patients are aligned: "grid", "array" or "mask".
        mask_key: the mask in `meta`, for the frame "mask".
        size: samples along each axis of the common box, for "array" and "mask".

    Raises:
        DataError: the cases have no common frame (other shapes or voxel sizes for "grid", other orientations
            for all), labels or classes are missing, or there are fewer than two patients.
        ConfigError: an unknown frame.

    Example:
        >>> from segkit.data import crop_or_pad, phantoms
        >>> cases = [crop_or_pad(case, (36, 52, 36), pad_label=0) for case in phantoms("hippocampus", 4)]
        >>> maps = OccurrenceMaps(cases)
        >>> tuple(maps.for_case(cases[0]).shape)
        (2, 36, 52, 36)
    """

    def __init__(
        self, cases: Sequence[Case], *, frame: Frame = "grid", mask_key: str = "mask", size: int = 64
    ) -> None:
        if frame not in FRAMES:
            raise unknown_name("frame", frame, FRAMES)
        if size < 2:
            raise ConfigError(f"the common box needs 2 or more samples along each axis, got {size}")
        if len({case.group for case in cases}) < 2:
            raise DataError("an occurrence map needs labels of two or more patients, to leave one out")
        self.frame, self.mask_key = frame, mask_key
        self.first = cases[0]
        self.shape = cases[0].shape if frame == "grid" else (size,) * len(cases[0].shape)
        self.cases = tuple(cases)
        self.labels = [self._into_frame(case) for case in cases]

    def for_case(self, case: Case) -> Tensor:
        """The maps on the grid of a case, from all training patients but itself.

        Args:
            case: a training case, or any other; its label is not looked at.

        Returns:
            float32, `(K − 1, *S)`: the share of patients' images in which the voxel is of the structure, in
            [0, 1]; 0 outside the common box.

        Raises:
            DataError: the case has no common frame with the training cases.
        """
        self._check(case)
        others = [
            label for own, label in zip(self.cases, self.labels, strict=True) if own.group != case.group
        ]
        k = len(self.first.classes)
        counts = np.zeros((k - 1, *self.shape), np.float32)
        for label in others:
            for c in range(1, k):
                counts[c - 1] += label == c
        counts /= len(others)
        if self.frame == "grid":
            return torch.from_numpy(counts)
        from scipy.ndimage import affine_transform

        start, step = self._box(case)
        maps = [
            affine_transform(one, 1 / step, -start / step, output_shape=case.shape, order=1, cval=0.0)
            for one in counts
        ]
        return torch.from_numpy(np.stack(maps))

    def template(self, case: Case, *, threshold: float = 0.5) -> Tensor:
        """The segmentation without any learning: the most frequent structure, where it is frequent enough.

        Args:
            case: as in `for_case`.
            threshold: least occurrence, in [0, 1).

        Returns:
            int64, `(*S)`, values of the training cases' classes.
        """
        occurrence, structure = self.for_case(case).max(0)
        return torch.where(occurrence > threshold, structure + 1, 0)

    def best_threshold(self, candidates: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)) -> float:
        """The threshold whose templates, each without its own patient, overlap best with the training labels.

        Args:
            candidates: thresholds to choose from.

        Returns:
            The one with the highest mean Dice over structures and training cases.
        """
        total = np.zeros(len(candidates))
        for case in self.cases:
            for i, threshold in enumerate(candidates):
                total[i] += _mean_dice(self.template(case, threshold=threshold), case)
        return float(candidates[int(total.argmax())])

    def _into_frame(self, case: Case) -> NDArray[np.int16]:
        self._check(case)
        if case.label is None or case.classes != self.first.classes:
            raise DataError(
                f"case {case.id} has no label, or other classes than {self.first.id}: an occurrence map "
                "needs both"
            )
        label = case.label.numpy().astype(np.int16)
        if self.frame == "grid":
            return label
        from scipy.ndimage import affine_transform

        start, step = self._box(case)
        return np.asarray(affine_transform(label, step, start, output_shape=self.shape, order=0, cval=0))

    def _box(self, case: Case) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """First voxel of the common box in this case, and voxels from sample to sample."""
        if self.frame == "array":
            sides = [(0, n - 1) for n in case.shape]
        else:
            mask = case.meta.get(self.mask_key)
            if not isinstance(mask, Tensor) or tuple(mask.shape) != case.shape:
                raise DataError(
                    f"case {case.id} has no mask {self.mask_key!r} on its grid to be aligned by: add it with "
                    "with_maps"
                )
            sides = bounding_box(mask)
        low, high = (np.array(side, float) for side in zip(*sides, strict=True))
        return low, np.maximum(high - low, 1e-3) / (np.array(self.shape) - 1)

    def _check(self, case: Case) -> None:
        first = self.first
        same_axes = len(case.shape) == len(first.shape) and np.allclose(
            _directions(case), _directions(first), atol=0.35
        )
        same_step = case.spacing_mm == first.spacing_mm
        if case.spacing_mm and first.spacing_mm and same_axes:
            same_step = np.allclose(case.spacing_mm, first.spacing_mm, rtol=0.01)
        same_grid = same_step and case.shape == first.shape
        if not same_axes or (self.frame == "grid" and not same_grid):
            raise DataError(
                f"cases {first.id} and {case.id} have no common frame: shapes {first.shape}, {case.shape}, "
                f"voxels {first.spacing_mm} and {case.spacing_mm} mm; turn them alike with to_orientation, "
                "and resample and crop them to one grid or align them with frame='mask'"
            )


def _directions(case: Case) -> NDArray[np.float64]:
    axes = case.affine[:3, : len(case.shape)]
    return np.asarray(axes / np.linalg.norm(axes, axis=0))


def _mean_dice(prediction: Tensor, case: Case) -> float:
    assert case.label is not None
    found = []
    for k in range(1, len(case.classes)):
        p, t = prediction == k, case.label == k
        size = int(p.sum() + t.sum())
        found.append(2 * int((p & t).sum()) / size if size else 1.0)
    return float(np.mean(found))
