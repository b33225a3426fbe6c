"""A torso in CT with everything that disturbs an outline: couch, tubes, metal, arms of the field of view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from segkit.data import Case

CLASSES = ("background", "body", "lungs", "spine")

Field = NDArray[np.float32]


def torso_phantom(
    shape: Sequence[int] = (56, 128, 176),
    spacing_mm: Sequence[float] = (3.0, 2.5, 2.5),
    *,
    couch_gap_mm: float | None = 5.0,
    tube: bool = False,
    metal: bool = False,
    noise_hu: float = 25.0,
    tissue: float = 1.0,
    lungs: bool = True,
    offset_mm: Sequence[float] = (0.0, 0.0, 0.0),
    seed: int = 0,
) -> Case:
    """A chest in HU whose outline is known exactly.

    Axes run to the feet, to the back and to the patient's left. The body is an elliptic column, 340 mm wide
    and 220 mm deep, that narrows towards the head; it goes on beyond the first and the last slice.

    Args:
        shape: voxels per axis. A grid smaller than the body cuts it.
        spacing_mm: voxel size.
        couch_gap_mm: air between the back and a carbon board with a foam core; None leaves the couch out.
        tube: a plastic tube of 9 mm above the chest and another that touches the skin.
        metal: a port of 3000 HU below the skin and one in the air beside the body.
        noise_hu: standard deviation of white noise.
        tissue: factor on the HU of soft tissue.
        lungs: with lungs; False fills them with soft tissue.
        offset_mm: moves patient and couch within the field of view.
        seed: of the noise.

    Returns:
        A case with the labels body, lungs and spine; lungs and spine are parts of the body.

    Example:
        >>> case = torso_phantom((12, 40, 56), (9.0, 8.0, 8.0))
        >>> case.label.unique().tolist()
        [0, 1, 2, 3]
    """
    z, y, x = (
        ((np.arange(n) - (n - 1) / 2) * s - o)
        .astype(np.float32)
        .reshape([-1 if a == b else 1 for b in range(3)])
        for a, (n, s, o) in enumerate(zip(shape, spacing_mm, offset_mm, strict=True))
    )
    width = 170 + np.float32(0.12) * np.clip(z, -120, 120)
    depth = width * np.float32(110 / 170)
    body = _ellipse(x, y, 0, 0, width, depth) < 1
    air = (_ellipse(x, y, -72, -8, 44, 56) < 1) | (_ellipse(x, y, 72, -8, 44, 56) < 1)
    air = np.broadcast_to(air, body.shape) & body & lungs
    spine = _inside(_ellipse(x, y, 0, 66, 20, 18), body)

    image = np.full(body.shape, -1000, np.float32)
    image[body] = 40 * tissue
    fat = body & (_ellipse(x, y, 0, 0, width - 14, depth - 14) >= 1)
    image[fat] = -100 * tissue
    image[_inside(_ellipse(x, y, 0, 30, 16, 10), body)] = -100 * tissue
    image[air] = -820
    image[spine] = 500
    for solid, value in _disturbances(x, y, z, couch_gap_mm, tube=tube, metal=metal):
        image[solid & ((image == -1000) | (value > 2000))] = value
    if noise_hu:
        random = np.random.default_rng(seed)
        for part in image:  # slice by slice: noise for the whole volume would double its memory
            part += noise_hu * random.standard_normal(part.shape, dtype=np.float32)
    label = body.astype(np.int64)
    label[air], label[spine] = 2, 3

    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, -spacing_mm[2]], [0, -spacing_mm[1], 0], [-spacing_mm[0], 0, 0]]
    name = f"torso-{seed}"
    step = tuple(float(s) for s in spacing_mm)
    return Case(torch.from_numpy(image)[None], torch.from_numpy(label), step, affine, name, name, CLASSES)


def _inside(ellipse: Field, body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.broadcast_to(ellipse < 1, body.shape) & body


def _ellipse(x: Field, y: Field, cx: float, cy: float, rx: Field | float, ry: Field | float) -> Field:
    return np.asarray(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2, np.float32)


def _disturbances(
    x: Field, y: Field, z: Field, couch_gap_mm: float | None, *, tube: bool, metal: bool
) -> list[tuple[NDArray[np.bool_], float]]:
    """Pairs of a solid and its HU."""
    everywhere = z > -np.inf
    found = []
    if couch_gap_mm is not None:
        back = (170 + 0.12 * 120) * 110 / 170  # where the body is deepest
        depth = y - (back + couch_gap_mm)
        inside = (np.abs(x) < 260) & (depth >= 0) & (depth < 40) & everywhere
        found += [
            (inside & (depth >= 4) & (depth < 36), -930.0),
            (inside & ((depth < 4) | (depth >= 36)), -120.0),
        ]
    if tube:
        found += [
            (everywhere & (_ellipse(x, y, 30, -150, 4.5, 4.5) < 1), 120.0),
            (everywhere & (_ellipse(x, y, -60, -106, 4.5, 4.5) < 1), 120.0),
        ]
    if metal:
        found += [
            ((np.abs(z) < 10) & (_ellipse(x, y, 100, -60, 9, 9) < 1), 3000.0),
            ((np.abs(z) < 10) & (_ellipse(x, y, 200, 0, 6, 6) < 1), 3000.0),
        ]
    return found
