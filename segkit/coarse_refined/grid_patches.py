"""Patches on a grid: which show a structure, which do not, and which of those look like it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.coarse_refined.contour_patches import structures
from segkit.errors import ConfigError, DataError

_MEAN = {2: F.avg_pool2d, 3: F.avg_pool3d}


@dataclass(frozen=True)
class GridPatches:
    """Slots for patches of every structure k and image b of a batch: L with the structure, L without.

    Attributes:
        patch: int64, (K − 1, B, 2 L): places in the flattened grid of patches; first L with the structure.
        used: bool, (K − 1, B, 2 L): whether there is a patch in the slot.
        fraction: float32, (K − 1, B, 2 L): share of the patch that is the structure.
        grid: patches along each axis.
        corner: first pixel of the first patch along each axis.
    """

    patch: Tensor
    used: Tensor
    fraction: Tensor
    grid: tuple[int, ...]
    corner: tuple[int, ...]


@dataclass(frozen=True)
class GridPatchSampler:
    """Chooses patches of a grid, which lies a little differently in every step.

    Args:
        side: S, in pixels; one number for all axes. It should not be larger than the structures.
        slots: L: most patches with a structure, and most without, per image and structure.
        share: a patch shows a structure if at least this share of it is labelled so. With class-masked
            descriptors small structures can have small shares.
        hard_share: share of the patches without the structure that are the hardest: nearest in mean
            intensity to the structure's mean in the same image. The others are drawn evenly.
        mixed: take patches with any share of a structure, (0, 1], for the graded variant.

    Raises:
        ConfigError: a number is out of range.
    """

    side: int = 16
    slots: int = 8
    share: float = 0.5
    hard_share: float = 0.5
    mixed: bool = False

    def __post_init__(self) -> None:
        in_order = 0 < self.share <= 1 and 0 <= self.hard_share <= 1
        if min(self.side, self.slots) < 1 or not in_order:
            raise ConfigError(
                f"{self}: side and slots are 1 or more, share in (0, 1] and hard_share in [0, 1]"
            )

    def __call__(
        self, image: Tensor, labels: Tensor, generator: torch.Generator, *, n_classes: int
    ) -> GridPatches:
        """Choose from a labelled batch.

        Args:
            image: (B, C, *S), for the intensities.
            labels: integers, (B, *S). A patch with less than half of its pixels annotated is not used.
            generator: where every number is drawn from, on the device of the labels.
            n_classes: K.

        Raises:
            DataError: the image is smaller than a patch, not 2-D or 3-D, or of another shape than the labels;
                a label is no class.
        """
        size = labels.shape[1:]
        if len(size) not in (2, 3) or image.ndim != labels.ndim + 1 or image[:, 0].shape != labels.shape:
            raise DataError(
                f"labels of shape {tuple(labels.shape)} do not belong to images of {tuple(image.shape)}: "
                "both have two or three axes S, (B, *S) and (B, C, *S)"
            )
        if min(size) < self.side:
            raise DataError(
                f"patches of side {self.side} do not fit into images of {tuple(size)}: choose a smaller side "
                "or larger training patches"
            )
        grid = tuple(n // self.side for n in size)
        corner = tuple(
            int(torch.randint(n % self.side + 1, (1,), generator=generator, device=generator.device))
            for n in size
        )
        inside, outside = structures(labels, n_classes)
        own, other = (self._patch_means(each, corner, grid) for each in (inside, outside))
        annotated = own + other
        fraction = own / annotated.clamp(min=1e-6)
        look = self._patch_means(image, corner, grid)
        weight = inside.flatten(2).to(image.dtype)
        typical = torch.einsum("bkn,bcn->bkc", weight, image.flatten(2)) / weight.sum(2, keepdim=True).clamp(
            min=1
        )
        unlike = (look[:, None] - typical[..., None]).square().sum(2)
        present = weight.sum(2, keepdim=True) > 0

        countable = annotated >= 0.5
        positive = countable & ((fraction > 0) if self.mixed else (fraction >= self.share))
        negative = countable & (fraction == 0) & present
        chance = torch.rand(2, *fraction.shape, generator=generator, device=fraction.device)
        hard = round(self.hard_share * self.slots)
        with_it, found = _first(chance[0], positive, self.slots)
        hardest, found_hard = _first(unlike, negative, hard)
        left = negative.scatter(2, hardest, negative.gather(2, hardest) & ~found_hard)
        drawn, found_drawn = _first(chance[1], left, self.slots - hard)
        patch = torch.cat([with_it, hardest, drawn], 2).transpose(0, 1)
        used = torch.cat([found, found_hard, found_drawn], 2).transpose(0, 1)
        return GridPatches(patch, used, fraction.transpose(0, 1).gather(2, patch).float(), grid, corner)

    def _patch_means(self, maps: Tensor, corner: tuple[int, ...], grid: tuple[int, ...]) -> Tensor:
        """Mean of maps (B, K, *S) in every patch, (B, K, G)."""
        for axis, (start, n) in enumerate(zip(corner, grid, strict=True), start=2):
            maps = maps.narrow(axis, start, n * self.side)
        x = maps if maps.is_floating_point() else maps.float()
        return _MEAN[len(grid)](x, self.side).flatten(2)

    def pixels(
        self, patches: GridPatches, size: torch.Size, per_patch: int, generator: torch.Generator
    ) -> Tensor:
        """Places (K − 1, B, 2 L, m) of m pixels of every patch in the flattened grid of the image.

        Args:
            patches: what this sampler chose.
            size: of the image.
            per_patch: m; a patch with at most so many pixels gives all of them, a larger one a random part,
                at the same offsets in all patches.
            generator: for the offsets.
        """
        device, dims = patches.patch.device, len(size)
        total = self.side**dims
        offset = torch.arange(total, device=device)
        if per_patch < total:
            offset = torch.randperm(total, generator=generator, device=device)[:per_patch]
        place = torch.zeros_like(patches.patch)[..., None]
        for axis in range(dims):
            cell = patches.patch // torch.Size(patches.grid[axis + 1 :]).numel() % patches.grid[axis]
            within = offset // self.side ** (dims - 1 - axis) % self.side
            along = patches.corner[axis] + self.side * cell[..., None] + within
            place = place + along * size[axis + 1 :].numel()
        return place


def _first(key: Tensor, allowed: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Indices of the n smallest keys among those allowed, along the last axis, and whether each exists."""
    masked = key.masked_fill(~allowed, torch.inf)
    if masked.shape[-1] < n:
        masked = F.pad(masked, [0, n - masked.shape[-1]], value=torch.inf)
    found, index = masked.topk(n, dim=-1, largest=False)
    return index.clamp(max=key.shape[-1] - 1), found.isfinite()
