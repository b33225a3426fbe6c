"""The three data sets of the chapter, each as networks see it: image first, then every map an arm may use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from segkit.data import Case, crop_or_pad, load, resize, signed_distance_mm, z_score
from segkit.data.splitting import Split, load_split
from segkit.experiments.plans import _head_neck as head_neck
from segkit.experiments.plans import _hippocampus as hippocampus
from segkit.experiments.plans._mask_prior import Setup, join, with_controls
from segkit.mask_prior import (
    BodyCoordinatesd,
    GridCoordinatesd,
    parent_mask,
    with_channels,
    with_maps,
)

HEART_FRAME, HEART_GRID = 168, 56
"""Pixels in the plane around the middle of a slice, and as the nets see them: blocks of three by three,
averaged. No label is asked where the heart is."""

FINE_GRID = 84
"""The same frame in blocks of two by two."""

HEART = Setup(
    dims=2,
    maps={
        "true": 1, "stranger": 1, "constant": 1, "box": 1, "dilated": 1, "distance": 1, "coordinates": 3,
        "grid": 3,
    },
    widths=(8, 16, 32, 64), strides=(1, 2, 2, 2), batch=8, rotate_deg=20.0,
)  # fmt: skip

HALVES = Setup(
    dims=3,
    maps={
        "true": 1, "stranger": 1, "constant": 1, "box": 1, "dilated": 1, "distance": 1, "coordinates": 3,
        "grid": 3,
    },
    widths=(8, 16, 32), strides=(1, 2, 2), batch=4, rotate_deg=10.0,
)  # fmt: skip

HALVES_GRID = (18, 28, 20)
"""Voxels of 2 mm."""

HEAD = Setup(
    dims=3,
    maps={
        "body": 1, "bone": 1, "stranger": 1, "constant": 1, "box": 1, "dilated": 1, "distance": 1,
        "coordinates": 3, "grid": 3,
    },
    widths=(16, 32, 64), strides=(2, 2, 2), batch=2, rotate_deg=10.0, weight=(50.0, 5.0),
)  # fmt: skip


def hearts(name: str) -> list[Case]:
    """Volumes (slice, row, column) of both phases."""
    return hearts_of([case.with_(meta={}) for case in load(name)], load_split(name))


def fine_hearts(name: str, *, grid: int) -> list[Case]:
    """The same on another grid."""
    return hearts_of([case.with_(meta={}) for case in load(name)], load_split(name), grid=grid)


def hearts_of(cases: Sequence[Case], split: Split, *, grid: int = HEART_GRID) -> list[Case]:
    """Volumes with their maps.

    "true" is the union of the chambers in the label, an oracle.
    """
    small = [with_parent(small_heart(case, grid)) for case in cases]
    small = with_controls(small, split, key="true", width=2.0, step=(100.0, 1.0, 1.0))
    return [join(with_positions(case, key="true", scale=10.0, slicewise=True), HEART) for case in small]


def small_heart(case: Case, grid: int = HEART_GRID) -> Case:
    """The z-scored middle of every slice on a coarser grid."""
    depth = case.shape[0]
    framed = crop_or_pad(z_score(case), (depth, HEART_FRAME, HEART_FRAME), pad_label=0)
    return resize(framed, (depth, grid, grid))


def halves(name: str) -> list[Case]:
    """Hippocampus in voxels of 2 mm."""
    return halves_of(load(name), load_split(name))


def halves_of(cases: Sequence[Case], split: Split) -> list[Case]:
    """Volumes with their maps; "true" is the whole hippocampus in the label, an oracle."""
    small = [with_parent(resize(hippocampus.into_frame(case).with_(meta={}), HALVES_GRID)) for case in cases]
    small = with_controls(small, split, key="true", width=2.0)
    return [join(with_positions(case, key="true", scale=20.0), HALVES) for case in small]


def heads(name: str) -> list[Case]:
    """Head-and-neck CT as its organisers framed it."""
    return heads_of(load(name), load_split(name))


def heads_of(cases: Sequence[Case], split: Split) -> list[Case]:
    """CT with its maps, all by thresholds from the image alone."""
    small = [head_neck.framed(head_neck.coarse(head_neck.with_masks(case))) for case in cases]
    return _finished_heads(small, split)


def changed_heads(name: str) -> list[Case]:
    """Head-and-neck CT; every validation and test patient as it is and changed in each way of `CHANGES`."""
    return changed_heads_of(load(name), load_split(name))


def changed_heads_of(cases: Sequence[Case], split: Split) -> list[Case]:
    """CT whose masks are found again after each change; the name of the change ends the id."""
    small = []
    for number, case in enumerate(cases):
        versions = [case]
        if case.group not in split.train:
            random = np.random.default_rng((2026, number))
            versions = [
                head_neck.changed(case, name, random) for name in (head_neck.AS_IS, *head_neck.CHANGES)
            ]
        small += [head_neck.framed(head_neck.coarse(head_neck.with_masks(each))) for each in versions]
    return _finished_heads(small, split)


def moved_heads(name: str, *, reach: Sequence[int], cut: float) -> list[Case]:
    """The same in frames that vary, with noise for air."""
    return moved_heads_of(load(name), load_split(name), reach=reach, cut=cut)


def moved_heads_of(cases: Sequence[Case], split: Split, *, reach: Sequence[int], cut: float) -> list[Case]:
    """CT in frames that vary, one drawn for each patient."""
    small = []
    for number, case in enumerate(cases):
        whole = head_neck.coarse(head_neck.with_masks(case))
        random = np.random.default_rng((2026, number))
        small.append(head_neck.moved(whole, random, shape=head_neck.FRAME, reach=reach, cut=cut))
    return _finished_heads(small, split)


def _finished_heads(cases: Sequence[Case], split: Split) -> list[Case]:
    found = with_controls([head_neck.normalised(case) for case in cases], split, key="body", width=2.0)
    return [join(with_positions(case, key="body", scale=100.0), HEAD) for case in found]


def with_parent(case: Case) -> Case:
    """The case with the union of its structures as the map "true"."""
    return with_maps(case, true=parent_mask(case))


def with_positions(case: Case, *, key: str, scale: float, slicewise: bool = False) -> Case:
    """Signed distance to a mask, coordinates relative to it, and coordinates of the grid."""
    case = with_channels(case, [BodyCoordinatesd(key), GridCoordinatesd()])
    mask, step = case.meta[key], case.spacing_mm
    if slicewise:
        distance = torch.stack([signed_distance_mm(plane, step and step[1:]) for plane in mask])
    else:
        distance = signed_distance_mm(mask, step)
    return with_maps(case, distance=(distance / scale)[None])


ROUGH = partial(moved_heads, reach=(6, 6, 10), cut=0.2)
"""Offsets of up to 36 mm in the axial plane and 60 mm along the patient; up to a fifth of the slices missing
at either end."""
