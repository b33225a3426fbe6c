"""The five sets of chapter 7 as its networks see them, and what fits each of them.

No label is asked where the organ is: frames lie in the middle of the arrays. Two sets are seen in three
dimensions by one network, two slice by slice by another, so that weights can go from set to set, and images
of one plane by that as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from segkit.data import Augment, Case, WholeBatches, load, resize, z_score
from segkit.data.splitting import Split, load_split
from segkit.experiments.draw import Draw
from segkit.experiments.plans import _acdc as acdc
from segkit.experiments.plans import _hc18 as hc18
from segkit.experiments.plans import _head_neck as head_neck
from segkit.experiments.plans import _hippocampus as hippocampus
from segkit.experiments.plans._setup import SeenBy

CHAOS_GRID = 64
"""Pixels in the plane, blocks of four by four averaged: 5 mm."""

CHOICES_SHARE = 0.6
"""Of the training and validation patients of a small set: those whose labels are drawn from for choices."""


@dataclass(frozen=True, repr=False)
class Setup(SeenBy):
    """A data set as the networks see it.

    Attributes:
        dims: of the network; with 2 it sees images, or slices and predicts volumes slice by slice.
        widths, strides: of the U-Net's levels.
        view: voxels of a view.
        points: tap → points per axis at which features are compared.
        pairs: pairs of views per update of the pre-training.
        batch: images per update of the fine-tuning.
        probe: the tap that retrieval and the linear probe look at.
        air: intensity below which a voxel is air and not compared; None compares everything.
        rotate_deg, scale: of the augmentation in fine-tuning.
        weight: of a structure in the cross-entropy, at the first and at the last update.
    """

    dims: int
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    view: tuple[int, ...]
    points: Mapping[str, tuple[int, ...]]
    pairs: int
    batch: int
    probe: str
    air: float | None = None
    rotate_deg: float = 15.0
    scale: float = 0.15
    weight: tuple[float, float] = (1.0, 1.0)


def flat(view: int, batch: int) -> Setup:
    """A setup for slices, with square views of so many pixels."""
    points = {tap: (8, 8) for tap in ("decoder0", "decoder1", "decoder2")} | {"bottom": (4, 4)}
    return Setup(
        dims=2, widths=(8, 16, 32, 64), strides=(1, 2, 2, 2), view=(view, view), points=points, pairs=16,
        batch=batch, probe="decoder1", rotate_deg=20.0,
    )  # fmt: skip


def solid(view: tuple[int, int, int], **options: object) -> Setup:
    """A setup for volumes, whose network begins with a stride of two."""
    points = {
        "decoder0": tuple(n // 3 for n in view),
        "decoder1": tuple(n // 4 for n in view),
        "bottom": tuple(max(2, n // 8) for n in view),
    }
    common = {"widths": (16, 32, 64), "strides": (2, 2, 2), "points": points, "probe": "decoder0"}
    return Setup(dims=3, view=view, **{**common, **options})  # type: ignore[arg-type]


SETUPS: dict[str, Setup] = {
    "acdc": flat(48, 8),
    "chaos": flat(40, 8),
    "hc18": flat(36, 8),
    "openkbp": solid((24, 24, 24), pairs=4, batch=2, air=-3.0, rotate_deg=10.0, weight=(50.0, 5.0)),
    "hippocampus": solid((24, 32, 24), pairs=4, batch=2, rotate_deg=10.0),
}


def hearts(name: str) -> list[Case]:
    """Cardiac volumes (slice, row, column), the middle of each slice on 80 × 80 pixels."""
    return acdc.prepare(name)


def abdomens(name: str) -> list[Case]:
    """T2 volumes (slice, row, column), 64 × 64 pixels of 5 mm."""
    return [abdomen(case) for case in load(name)]


def abdomen(case: Case) -> Case:
    """One of them; slices run from the feet to the head."""
    label = None if case.label is None else case.label.movedim(2, 0).contiguous()
    affine = case.affine.copy()
    affine[:, :3] = case.affine[:, [2, 0, 1]]
    spacing = None if case.spacing_mm is None else tuple(case.spacing_mm[axis] for axis in (2, 0, 1))
    turned = z_score(case).with_(meta={}).image.movedim(3, 1).contiguous()
    standing = case.with_(image=turned, label=label, affine=affine, spacing_mm=spacing, meta={})
    return resize(standing, (standing.shape[0], CHAOS_GRID, CHAOS_GRID))


def heads(name: str) -> list[Case]:
    """Head-and-neck CT in voxels of 6 mm, HU / 250."""
    return [head(case) for case in load(name)]


def head(case: Case) -> Case:
    """One of them."""
    small = head_neck.framed(head_neck.coarse(case.with_(meta={}), names=()), names=())
    return head_neck.normalised(small)


def hippocampi(name: str) -> list[Case]:
    """Hippocampi in voxels of 1 mm."""
    return [case.with_(meta={}) for case in hippocampus.prepare(name)]


PREPARE: dict[str, Callable[[str], list[Case]]] = {
    "acdc": hearts,
    "chaos": abdomens,
    "hc18": hc18.prepare,
    "openkbp": heads,
    "hippocampus": hippocampi,
}


def for_choices(name: str) -> Split:
    """So many of the training and validation patients to train on, the others to measure on.

    The validation parts of three sets have 2 to 8 patients, too few to tell points apart. No patient of the
    test part is in any part of this split.
    """
    split = load_split(name)
    both = sorted((*split.train, *split.validation))
    order = np.random.default_rng(split.seed).permutation(both).tolist()
    pool = round(CHOICES_SHARE * len(order))
    return Split(tuple(sorted(order[:pool])), tuple(sorted(order[pool:])), (), split.seed)


def labelled_images(draw: Draw, *, setup: Setup, purpose: str = "batches") -> WholeBatches:
    """Labelled images of a draw, turned and scaled unless the setting says "augment: none"."""
    turned = draw.setting.get("augment", "turned") == "turned"
    return WholeBatches(
        setup.planes(draw.train),
        batch_size=setup.batch,
        seed=draw.seed(purpose),
        augment=Augment(rotate_deg=setup.rotate_deg, scale=setup.scale) if turned else None,
    )
