"""Small cases that several tests share."""

from __future__ import annotations

import numpy as np
import torch

from segkit.data import Case
from segkit.mask_prior import parent_mask, with_maps


def ball(name="a", shape=(20, 22, 24), centre=None, radius=6.0, spacing=None):
    """A ball of two halves, bright, in noise."""
    spacing = spacing or (1.0,) * len(shape)
    c = [(n - 1) / 2 for n in shape] if centre is None else centre
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    inside = sum(((a - m) * s) ** 2 for a, m, s in zip(axes, c, spacing, strict=True)) <= radius**2
    label = torch.from_numpy(inside).long()
    label[(slice(None),) * (len(shape) - 1) + (slice(int(c[-1]) + 1, None),)] *= 2
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(len(name)))
    affine = np.eye(4)
    affine[range(len(spacing)), range(len(spacing))] = spacing
    return Case(
        (label > 0).float()[None] + 0.1 * noise,
        label,
        tuple(spacing),
        affine,
        name,
        name,
        ("out", "left", "right"),
    ).validate()


def masked(case):
    """The case with its parent mask."""
    return with_maps(case, mask=parent_mask(case))
