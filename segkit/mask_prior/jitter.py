"""Imperfect masks for training, so that a network does not learn to trust every edge of its prior."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError


class Jitter:
    """Moves, grows or shrinks the masks of a batch, each sample by itself, and loses some.

    A network that was trained on perfect masks copies their edges. One that is to be given predicted masks
    should have seen masks that are off by what a first network is off by.

    Args:
        shift: largest displacement along each axis, in voxels; what moves in from outside is background.
        grow: most voxels by which a mask is dilated or eroded (cubes of 2·n + 1).
        lose: probability that a mask is empty, as when the first network finds nothing.

    Raises:
        ConfigError: a number out of range.

    Example:
        >>> masks = torch.zeros(2, 1, 9, 9)
        >>> masks[:, :, 3:6, 3:6] = 1
        >>> moved = Jitter(shift=2, grow=0)(masks, torch.Generator().manual_seed(0))
        >>> moved.sum((1, 2, 3)).tolist()
        [9.0, 9.0]
    """

    def __init__(self, *, shift: int = 3, grow: int = 2, lose: float = 0.0) -> None:
        if shift < 0 or grow < 0 or not 0 <= lose <= 1:
            raise ConfigError(f"Jitter needs shift, grow ≥ 0 and lose in [0, 1], got {shift}, {grow}, {lose}")
        self.shift, self.grow, self.lose = shift, grow, lose

    def __call__(self, masks: Tensor, generator: torch.Generator) -> Tensor:
        """Changed masks.

        Args:
            masks: `(B, c, *S)`, 0 and 1. The channels of a sample move together.
            generator: source of all randomness, on the device of the masks.
        """
        dims = masks.ndim - 2

        def draw(low: int, high: int) -> list[int]:
            size = (len(masks),)
            return torch.randint(low, high + 1, size, generator=generator, device=masks.device).tolist()

        shifts = [draw(-self.shift, self.shift) for _ in range(dims)]
        steps = draw(-self.grow, self.grow)
        lost = torch.rand(len(masks), generator=generator, device=masks.device) < self.lose
        rows = []
        for i, mask in enumerate(masks):
            changed = _grown(mask[None], steps[i])[0]
            rows.append(_shifted(changed, [axis[i] for axis in shifts]))
        return torch.stack(rows).masked_fill(lost.view(-1, *(1,) * (dims + 1)), 0.0)


def _grown(mask: Tensor, steps: int) -> Tensor:
    if steps == 0:
        return mask
    pool = F.max_pool3d if mask.ndim == 5 else F.max_pool2d
    n = abs(steps)
    # An erosion is a dilation of the background; padding by max_pool counts as neither.
    return pool(mask, 2 * n + 1, 1, n) if steps > 0 else -pool(-mask, 2 * n + 1, 1, n)


def _shifted(mask: Tensor, shifts: list[int]) -> Tensor:
    out = torch.zeros_like(mask)
    target = [slice(max(0, s), n + min(0, s)) for s, n in zip(shifts, mask.shape[1:], strict=True)]
    source = [slice(max(0, -s), n - max(0, s)) for s, n in zip(shifts, mask.shape[1:], strict=True)]
    out[(slice(None), *target)] = mask[(slice(None), *source)]
    return out
