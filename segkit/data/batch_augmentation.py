"""Augmentation of a whole batch on the device, of each sample from a seed of its own.

The loader cuts patches that are larger than what the network sees; here they are turned, scaled and mirrored
in one resampling and lose their margin, so that no turned patch has empty corners. What becomes of a sample
depends on its seed alone: not on the process, on the rest of the batch, or on the parts it is worked off in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from segkit.data.case import IGNORE
from segkit.data.seeding import SEED, UNLABELLED
from segkit.errors import ConfigError, DataError


class BatchAugment:
    """Turns, scales, mirrors and changes the intensities of the samples of a batch, on its device.

    Floating-point maps are sampled linearly with their border continued outwards; integers and booleans take
    the nearest voxel, and are `IGNORE` or False beyond the patch. Intensities change in "image" alone.

    Args:
        patch: what is left, voxels along each axis; batches must be at least as large (see `margin`).
        spatial: probability that a sample is turned and scaled.
        rotate_deg: largest angle about each axis; one number, or one per axis in 3-D. In 2-D one.
        scale: 0.25 enlarges or shrinks by up to 25 %.
        flip_axes: axes that are mirrored, each with probability ½.
        noise, brightness, contrast, gamma: probability of each change of the intensities, whose ranges are
            nnU-Net's: noise of variance up to 0.1, factors in 0.75 … 1.25 and 0.65 … 1.5, powers in
            0.7 … 1.5; made for intensities of standard deviation about 1.
        spacing: size of a voxel along each axis, in any unit, so that turns keep shapes; None for cubes.

    Raises:
        ConfigError: a number outside its range.

    Example:
        >>> augment = BatchAugment((8, 8), rotate_deg=30, scale=0.2)
        >>> batch = {"image": torch.rand(2, 1, 12, 12), "seed": torch.tensor([1, 2])}
        >>> sorted(augment(batch)), tuple(augment(batch)["image"].shape)
        (['image'], (2, 1, 8, 8))
    """

    def __init__(
        self,
        patch: Sequence[int],
        *,
        spatial: float = 0.2,
        rotate_deg: float | Sequence[float] = 30.0,
        scale: float = 0.25,
        flip_axes: Sequence[int] = (),
        noise: float = 0.1,
        brightness: float = 0.15,
        contrast: float = 0.15,
        gamma: float = 0.3,
        spacing: Sequence[float] | None = None,
    ) -> None:
        self.patch, dims = tuple(int(n) for n in patch), len(patch)
        chances = (spatial, noise, brightness, contrast, gamma)
        angles = [rotate_deg] * 3 if isinstance(rotate_deg, int | float) else list(rotate_deg)
        if not all(0 <= p <= 1 for p in chances) or not 0 <= scale < 1 or min(angles) < 0:
            raise ConfigError(
                f"augmentation needs probabilities in [0, 1], a scale in [0, 1) and angles of 0 or more, got "
                f"{chances}, {scale} and {rotate_deg}"
            )
        if len(angles) != 3 or not set(flip_axes) <= set(range(dims)):
            raise ConfigError(f"rotate_deg {rotate_deg} or flip_axes {flip_axes} do not fit {dims} axes")
        self.spatial, self.angles, self.scale, self.flip_axes = spatial, angles, scale, tuple(flip_axes)
        self.noise, self.brightness, self.contrast, self.gamma = noise, brightness, contrast, gamma
        self.step = np.ones(dims) if spacing is None else np.asarray(spacing, float)

    def margin(self) -> tuple[int, ...]:
        """A patch for the loader that holds what a sample turned by half of the largest angles shows."""
        if self.spatial == 0:
            return self.patch
        half = (np.asarray(self.patch) - 1) / 2
        reach = np.abs(self._matrix([math.radians(angle) / 2 for angle in self.angles], 1.0)) @ half
        more = np.ceil(np.maximum(reach - half, 0) - 1e-9).astype(int)
        return tuple(n + 2 * int(m) for n, m in zip(self.patch, more, strict=True))

    def __call__(self, batch: Mapping[str, Tensor], state: Any = None) -> dict[str, Tensor]:
        """The changed batch, without its seeds; both streams of a batch of two are changed."""
        out = {key: value for key, value in batch.items() if not key.endswith(SEED)}
        for prefix in ("", UNLABELLED):
            names = [key for key in out if key.startswith(UNLABELLED) == bool(prefix)]
            if names:
                if f"{prefix}{SEED}" not in batch:
                    raise DataError("a batch has no seeds to augment it from: make it with SeededBatches")
                out |= self._changed(
                    {key: out[key] for key in names}, batch[f"{prefix}{SEED}"], f"{prefix}image"
                )
        return out

    def _changed(self, maps: dict[str, Tensor], seeds: Tensor, image: str) -> dict[str, Tensor]:
        draws = [np.random.default_rng(int(seed)) for seed in seeds.tolist()]
        size = maps[image].shape[2:]
        if any(n < p for n, p in zip(size, self.patch, strict=True)):
            raise DataError(f"patches of {tuple(size)} are smaller than {self.patch}: read larger ones")
        matrices = [self._drawn_matrix(random) for random in draws]
        turned = [i for i, matrix in enumerate(matrices) if matrix is not None]
        flips = [[a for a in self.flip_axes if random.random() < 0.5] for random in draws]
        start = [(n - p) // 2 for n, p in zip(size, self.patch, strict=True)]
        window: Any = (..., *(slice(s, s + p) for s, p in zip(start, self.patch, strict=True)))
        out = {key: value[window].clone() for key, value in maps.items()}
        if turned:
            grid = self._grid([matrices[i] for i in turned], start, size).to(maps[image].device)
            for key, value in maps.items():
                out[key][turned] = _sampled(value[turned], grid, len(size)).to(value.dtype)
        for i, axes in enumerate(flips):
            for value in out.values():
                if axes:
                    value[i] = value[i].flip([axis - len(size) for axis in axes])
        for i, random in enumerate(draws):
            out[image][i] = self._intensities(out[image][i], random)
        return out

    def _drawn_matrix(self, random: np.random.Generator) -> np.ndarray | None:
        drawn, factor = random.random() < self.spatial, 1 + random.uniform(-1, 1) * self.scale
        angles = np.deg2rad(random.uniform(-1, 1, 3) * self.angles)
        return self._matrix(angles.tolist(), factor) if drawn else None

    def _matrix(self, angles: Sequence[float], factor: float) -> np.ndarray:
        """From offsets in the patch to offsets in what was read, in voxels."""
        dims, turn = len(self.patch), np.eye(len(self.patch))
        for axis in range(3) if dims == 3 else (2,):
            a, b = (i for i in range(3) if i != axis) if dims == 3 else (0, 1)
            one = np.eye(dims)
            one[a, a] = one[b, b] = math.cos(angles[axis])
            one[a, b], one[b, a] = -math.sin(angles[axis]), math.sin(angles[axis])
            turn = turn @ one
        return np.asarray(turn * self.step / self.step[:, None] * factor)

    def _grid(self, matrices: Sequence[Any], start: Sequence[int], size: Sequence[int]) -> Tensor:
        """grid_sample's coordinates `(B, *patch, dims)`: −1 … 1 from edge to edge, last axis first."""
        half = (np.asarray(self.patch) - 1) / 2
        axes = [np.arange(n) - h for n, h in zip(self.patch, half, strict=True)]
        offsets = torch.from_numpy(np.stack(np.meshgrid(*axes, indexing="ij"), -1))
        middle = torch.from_numpy(np.asarray(start) + half)
        where = torch.einsum("...j,bij->b...i", offsets, torch.from_numpy(np.stack(matrices))) + middle
        extent = torch.tensor(list(size), dtype=where.dtype)
        return ((2 * where + 1) / extent - 1).flip(-1).float()

    def _intensities(self, image: Tensor, random: np.random.Generator) -> Tensor:
        # All numbers are drawn in every case: what one change draws does not depend on another's chance.
        drawn, amounts, seed = random.random(4), random.random(4), int(random.integers(2**62))
        if drawn[0] < self.noise:
            generator = torch.Generator(image.device).manual_seed(seed)
            noise = torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
            image = image + math.sqrt(0.1 * amounts[0]) * noise
        if drawn[1] < self.brightness:
            image = image * (0.75 + 0.5 * amounts[1])
        if drawn[2] < self.contrast:
            mean = image.mean()
            changed = (image - mean) * (0.65 + 0.85 * amounts[2]) + mean
            image = changed.clamp(image.min(), image.max())
        if drawn[3] < self.gamma:
            low, width = image.min(), (image.max() - image.min()).clamp(min=1e-6)
            image = low + width * ((image - low) / width) ** (0.7 + 0.8 * amounts[3])
        return image


def _sampled(value: Tensor, grid: Tensor, dims: int) -> Tensor:
    channels = value[:, None] if value.ndim == dims + 1 else value
    if value.is_floating_point():
        new = grid_sample(channels, grid.to(value.dtype), "bilinear", "border", align_corners=False)
    else:
        shift = 0 if value.dtype == torch.bool else IGNORE
        new = grid_sample(channels.float() - shift, grid, "nearest", "zeros", align_corners=False) + shift
    return new[:, 0] if value.ndim == dims + 1 else new
