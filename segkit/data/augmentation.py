"""Turned, scaled, mirrored, brighter, noisier: variants of a patch whose image and label stay together.

Geometry is one resampling by torch, straight out of the whole image, and none at all where nothing was
drawn; intensities are MONAI's transforms. MONAI's `RandAffined` does geometry too and was measured (`segkit
bench data`): it takes a quarter to a half longer for a 3-D patch of 40 × 56 × 40 and five times as long for
a 2-D patch of 128², there mostly in book-keeping; and it sees nothing but the patch, so that turned patches
have empty corners. With half of the samples resampled, augmentation costs about a twentieth of the update of
a small 3-D U-Net.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from segkit.data.case import IGNORE
from segkit.data.maps import cropped
from segkit.errors import ConfigError

Maps = Mapping[str, Tensor]
Matrix = NDArray[np.float64]


class Augment:
    """Random variants of patches; a function of the generator that it is given, and of nothing else.

    The same turn, scale and mirroring go to every map of a sample. The type of a map says how it is sampled:
    floating point (image, signed distance) linearly, with its border continued outwards; whole numbers
    (label) and booleans (mask) take the nearest voxel, so that no new value appears, and are `IGNORE` or
    False beyond the image. Intensities change in "image" alone.

    Args:
        spatial: probability that a sample is turned and scaled.
        rotate_deg: largest angle about each axis, one number or one per axis of a 3-D image. Turns are made
            in mm, so that they keep shapes on anisotropic grids; across thick slices choose 0 all the same.
        scale: 0.15 enlarges or shrinks by up to 15 %.
        flip_axes: axes of the image that are mirrored, each with probability 1/2. No default: left and right
            organs change places.
        intensity: probability of each of MONAI's noise, blur, contrast, brightness and bias-field transforms.
        transforms: MONAI dictionary transforms on "image" in place of these, with probabilities of their own.

    Raises:
        ConfigError: a number outside its range.

    Example:
        >>> from segkit.data import PatchBatches, phantoms
        >>> augment = Augment(rotate_deg=20, scale=0.2)
        >>> batches = PatchBatches(
        ...     phantoms("hippocampus", 2), patch=(24, 32, 24), batch_size=2, seed=0, augment=augment
        ... )
        >>> tuple(batches[0]["label"].shape)
        (2, 24, 32, 24)
    """

    def __init__(
        self,
        *,
        spatial: float = 0.5,
        rotate_deg: float | Sequence[float] = 15.0,
        scale: float = 0.15,
        flip_axes: Sequence[int] = (),
        intensity: float = 0.15,
        transforms: Sequence[Any] | None = None,
    ) -> None:
        if not (0 <= spatial <= 1 and 0 <= intensity <= 1):
            raise ConfigError(f"probabilities lie in [0, 1], got spatial={spatial} and intensity={intensity}")
        angles = (rotate_deg,) if isinstance(rotate_deg, int | float) else tuple(rotate_deg)
        if min(angles, default=0) < 0 or len(angles) not in (1, 3) or not 0 <= scale < 1:
            raise ConfigError(
                "rotate_deg must be one angle or three, 0 or more, and scale in [0, 1), got "
                f"{rotate_deg} and {scale}"
            )
        self.spatial, self.scale, self.flip_axes = spatial, scale, tuple(flip_axes)
        self.angles = angles
        self.intensity = intensity
        self._transforms = list(transforms) if transforms is not None else None
        self._own = threading.local()

    def __call__(
        self, maps: Maps, seed: int, *, spacing_mm: Sequence[float] | None = None
    ) -> dict[str, Tensor]:
        """A variant of whole maps, `(C, *S)` or `(*S)`, at the same size."""
        size = maps["image"].shape[1:]
        return self.cut(maps, (0,) * len(size), size, np.random.default_rng(seed), spacing_mm=spacing_mm)

    def cut(
        self,
        maps: Maps,
        start: Sequence[int],
        size: Sequence[int],
        random: np.random.Generator,
        *,
        spacing_mm: Sequence[float] | None = None,
    ) -> dict[str, Tensor]:
        """A variant of the patch that starts at voxel `start`; what turns into it comes from around it.

        Args:
            maps: maps on one grid, `(C, *S)` or `(*S)`.
            start: first voxel of the patch.
            size: voxels of the patch along each axis.
            random: where every number is drawn from.
            spacing_mm: voxel size; None takes the voxels as cubes.
        """
        turn = self._draw_matrix(len(size), random, spacing_mm)
        flips = [axis for axis in self.flip_axes if random.random() < 0.5]
        if turn is None:
            window = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
            out = {key: cropped(value, window) for key, value in maps.items()}
        else:
            out = _resampled(maps, start, size, turn)
        if flips:
            out = {key: value.flip([a - len(size) for a in flips]) for key, value in out.items()}
        return self._change_intensity(out, random)

    def _draw_matrix(
        self, dims: int, random: np.random.Generator, spacing_mm: Sequence[float] | None
    ) -> Matrix | None:
        """The matrix from patch offsets to image offsets in voxels, or None for no change."""
        drawn = random.random() < self.spatial
        angles = np.deg2rad(random.uniform(-1, 1, 3) * self.angles)
        factor = 1 + random.uniform(-1, 1) * self.scale
        if not drawn or (not any(self.angles) and self.scale == 0):
            return None
        turn = np.eye(dims)
        for axis in range(3) if dims == 3 else (2,):
            a, b = (i for i in range(3) if i != axis) if dims == 3 else (0, 1)
            one = np.eye(dims)
            one[a, a] = one[b, b] = np.cos(angles[axis])
            one[a, b], one[b, a] = -np.sin(angles[axis]), np.sin(angles[axis])
            turn = turn @ one
        step = np.ones(dims) if spacing_mm is None else np.asarray(spacing_mm, float)
        return np.asarray(turn * step / step[:, None] * factor)

    def _change_intensity(self, maps: dict[str, Tensor], random: np.random.Generator) -> dict[str, Tensor]:
        if "image" not in maps or (self._transforms is None and self.intensity == 0):
            return maps
        # MONAI's transforms carry their random state, so every thread that makes batches has its own.
        if not hasattr(self._own, "transforms"):
            given = self._transforms
            self._own.transforms = usual_transforms() if given is None else copy.deepcopy(given)
        probability = self.intensity if self._transforms is None else 1.0
        sample: dict[str, Any] = {"image": maps["image"].clone()}
        for transform in self._own.transforms:
            # Drawn here and not by MONAI: to seed a transform costs more than most of them.
            drawn, seed = random.random() < probability, int(random.integers(2**32))
            if drawn:
                transform.set_random_state(seed=seed)
                sample = transform(sample)
        image = torch.as_tensor(sample["image"]).as_subclass(Tensor)
        return {**maps, "image": image.to(maps["image"].dtype)}


def usual_transforms() -> list[Any]:
    """MONAI's noise, blur, contrast, brightness and bias field, for images of sd about 1 or in [0, 1]."""
    from monai.transforms import (
        RandAdjustContrastd,
        RandBiasFieldd,
        RandGaussianNoised,
        RandGaussianSmoothd,
        RandScaleIntensityd,
    )

    sigma = (0.3, 0.9)
    return [
        RandGaussianNoised("image", prob=1.0, std=0.1),
        RandGaussianSmoothd("image", prob=1.0, sigma_x=sigma, sigma_y=sigma, sigma_z=sigma),
        RandAdjustContrastd("image", prob=1.0, gamma=(0.7, 1.5), retain_stats=True),
        RandScaleIntensityd("image", prob=1.0, factors=0.2),
        RandBiasFieldd("image", prob=1.0, degree=2, coeff_range=(0.0, 0.15)),
    ]


def _resampled(maps: Maps, start: Sequence[int], size: Sequence[int], matrix: Matrix) -> dict[str, Tensor]:
    """Every map at the points that the matrix makes of the patch's voxels, turned about its middle."""
    dims = len(size)
    shape = next(iter(maps.values())).shape[-dims:]
    half = (np.asarray(size) - 1) / 2
    middle = np.asarray(start) + half
    # Only the box that holds all points is converted and looked at.
    reach = np.abs(matrix) @ half
    low = np.clip(np.floor(middle - reach).astype(int), 0, np.asarray(shape) - 1)
    high = np.clip(np.ceil(middle + reach).astype(int) + 1, low + 1, shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    extent = (high - low).astype(float)

    # grid_sample's coordinates: −1 … 1 from edge to edge, last axis first. One vector per axis, then a sum.
    grid = torch.from_numpy(((2 * (middle - low) + 1) / extent - 1)[::-1].astype(np.float32).copy())
    for axis, n in enumerate(size):
        column = (2 * matrix[:, axis] / extent)[::-1].copy()
        steps = torch.from_numpy(np.outer(np.arange(n) - half[axis], column).astype(np.float32))
        grid = grid + steps.reshape(*(n if a == axis else 1 for a in range(dims)), dims)
    grid = grid[None]

    out = {}
    for key, value in maps.items():
        part = cropped(value, box)
        part = part[None] if value.ndim == dims else part
        if value.is_floating_point():
            new = grid_sample(part[None], grid, "bilinear", "border", align_corners=False)[0]
        else:
            # Shifted, so that the zeros beyond the image become IGNORE; booleans become False.
            shift = 0 if value.dtype == torch.bool else IGNORE
            new = grid_sample(part.float()[None] - shift, grid, "nearest", "zeros", align_corners=False)[0]
            new = (new + shift).to(value.dtype)
        out[key] = new[0] if value.ndim == dims else new
    return out
