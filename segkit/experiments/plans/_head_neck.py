"""What the experiments on head-and-neck CT share: the frame, masks from thresholds, a framing that varies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from segkit.data import Case, crop_or_pad, resample
from segkit.mask_prior import ct_masks, reframed, with_maps

SPACING_MM = (6.0, 6.0, 6.0)
"""Voxels of the networks; the arrays have 4 to 5 mm in the axial plane and 2.5 or 3 mm across."""

FRAME = (40, 36, 56)
"""Voxels around the middle of the array (front to back, right to left, head to feet). It holds all labelled
voxels of the training and validation patients."""

MASKS = ("body", "bone")
"""What thresholds find in every scan, at test time too."""


def with_masks(case: Case, names: Sequence[str] = MASKS) -> Case:
    """A CT in HU with masks by thresholds in its `meta`."""
    return with_maps(case.with_(meta={}), **ct_masks(case, names))


def coarse(case: Case, spacing_mm: Sequence[float] = SPACING_MM, names: Sequence[str] = MASKS) -> Case:
    """The case and its masks in larger voxels."""
    return reframed(case, partial(resample, spacing_mm=spacing_mm), names)


def framed(case: Case, shape: Sequence[int] = FRAME, names: Sequence[str] = MASKS) -> Case:
    """The middle of the array; beyond it there is air."""
    return reframed(case, partial(crop_or_pad, shape=shape, pad_label=0), names)


def normalised(case: Case) -> Case:
    """HU / 250, clipped to ±4: air and metal are no farther from soft tissue than bone."""
    return case.with_(image=(case.image / 250).clamp(-4, 4))


def moved(
    case: Case,
    random: np.random.Generator,
    *,
    shape: Sequence[int],
    reach: Sequence[int],
    cut: float,
    names: Sequence[str] = MASKS,
    noise_hu: float = 60.0,
) -> Case:
    """The same patient as another scanner would have framed it.

    The frame's middle is drawn within `reach` voxels of the array's, along each axis; a share of up to `cut`
    of the slices at the feet and at the head is not scanned. Air is no constant: it has noise everywhere, in
    what was not scanned too, so that neither the border of the array nor a plane of zeros tells a place.

    Args:
        case: in HU, coarse, with its masks.
        random: where offset, cut and noise are drawn from.
        shape: of the new frame.
        reach: largest offset, in voxels.
        cut: largest share of slices lost at each end.
        names: masks that move with it.
        noise_hu: standard deviation of the air's noise.
    """
    offset = [int(random.integers(-r, r + 1)) for r in reach]
    middle = [(n - 1) / 2 + o for n, o in zip(case.shape, offset, strict=True)]
    keep = [int(random.integers(0, int(cut * case.shape[2]) + 1)) for _ in range(2)]
    scanned = torch.ones(case.shape, dtype=torch.bool)
    scanned[:, :, : keep[0]] = False
    scanned[:, :, case.shape[2] - keep[1] :] = False
    assert case.label is not None
    cutted = case.with_(
        image=torch.where(scanned, case.image, -1000.0),
        label=torch.where(scanned, case.label, 0),
        meta={**case.meta, **{name: case.meta[name] & scanned for name in names}},
    )
    new = reframed(cutted, partial(crop_or_pad, shape=shape, centre=middle, pad_label=0), names)
    noise = torch.from_numpy(random.standard_normal(new.shape, dtype=np.float32))
    return new.with_(image=torch.where(new.image < -900, -1000 + noise_hu * noise.abs(), new.image))


AS_IS = "as is"

CHANGES: dict[str, Callable[[Tensor, np.random.Generator], Tensor]] = {
    "+100 HU": lambda image, random: image + 100,
    "-100 HU": lambda image, random: image - 100,
    "gamma 0.8": lambda image, random: _gamma(image, 0.8),
    "gamma 1.2": lambda image, random: _gamma(image, 1.2),
    "noise": lambda image, random: (
        image + 150 * torch.from_numpy(random.standard_normal(tuple(image.shape), dtype=np.float32))
    ),
    "cut": lambda image, random: _cut(image),
}
"""What may happen to a scan before it is used: another calibration, another contrast, a low dose (white noise
of 150 HU in the original voxels), a scan that lacks the top of the head and the shoulders. The gammas put
water at 149 and at -129 HU; with much stronger ones `ct_masks` refuses the scan, which is no longer in HU."""


def changed(case: Case, name: str, random: np.random.Generator) -> Case:
    """A CT in HU after one of `CHANGES`, or as it is; what is no longer scanned has no label."""
    image = CHANGES[name](case.image, random) if name != AS_IS else case.image
    label = case.label
    if name == "cut" and label is not None:
        scanned = (image[0] > -1024).any(0).any(0)
        label = torch.where(scanned, label, 0)
    return case.with_(image=image, label=label, id=f"{case.id}/{name}")


def _gamma(image: Tensor, power: float) -> Tensor:
    """Another contrast between -1000 and 1000 HU, with the same ends."""
    share = (image.clamp(-1000, 1000) + 1000) / 2000
    return torch.where(image.abs() > 1000, image, 2000 * share**power - 1000)


def _cut(image: Tensor) -> Tensor:
    """A fifth of the scanned slices at the head, and another at the feet, become air."""
    scanned = torch.nonzero((image[0] > -900).any(0).any(0))[:, 0]
    first, last = int(scanned[0]), int(scanned[-1]) + 1
    margin = (last - first) // 5
    out = torch.full_like(image, -1024.0)
    out[..., first + margin : last - margin] = image[..., first + margin : last - margin]
    return out
