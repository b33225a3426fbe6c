"""What the experiments on cardiac MRI share: the frame, slices as training images, volumes as test cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from segkit.data import Case, corrupt_labels, crop_or_pad, load, resize, z_score
from segkit.data.slicing import in_slices, slices
from segkit.errors import DataError
from segkit.experiments.plan import Setting
from segkit.train import Supervised, one_cycle

FRAME = 160
"""Pixels in the plane before averaging; less than 1 % of the labelled pixels of the set lie outside."""

GRID = 80
"""Pixels in the plane as the nets see it: blocks of two by two, averaged."""

HEART_FRAME, HEART_GRID = 128, 64
"""The same two for frames centred on the heart, as a first stage that never errs would centre them."""

TRAINING: dict[str, Any] = {"schedule": one_cycle, "clip": 12.0}
"""Options of the Trainer common to all experiments on this set; AdamW is its default."""


class SliceWise(Supervised):
    """A 2-D net that predicts volumes slice by slice; it is trained on slices."""

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, D, H, W) of volumes (B, C, D, H, W)."""
        return in_slices(super().predict, image)


def prepare(name: str) -> list[Case]:
    """Volumes (slice, row, column) as z-scores, the middle of each slice on a coarser grid."""
    return [_coarse(z_score(case).with_(meta={})) for case in load(name)]


def _coarse(case: Case) -> Case:
    depth = case.shape[0]
    return resize(crop_or_pad(case, (depth, FRAME, FRAME), pad_label=0), (depth, GRID, GRID))


def around_heart(name: str) -> list[Case]:
    """Volumes as z-scores in a frame centred on the labelled heart, on a coarser grid.

    Where the frame is comes from the labels, in every part of the split alike: the experiments ask about
    the second of two stages. It cuts off less than 0.1 % of the labelled pixels of the set, all in a few
    large hearts.
    """
    return [heart_frame(z_score(case).with_(meta={})) for case in load(name)]


INVERTED = "/inverted"
"""In the id of a volume whose bright tissue is dark and whose dark tissue is bright."""


def in_two_contrasts(name: str) -> list[Case]:
    """`around_heart`, and every volume a second time with its intensities negated."""
    return [
        each
        for case in around_heart(name)
        for each in (case, case.with_(image=-case.image, id=case.id + INVERTED))
    ]


def heart_frame(case: Case) -> Case:
    """A volume in `HEART_FRAME` around its heart, on `HEART_GRID`."""
    if case.label is None:
        raise DataError(f"case {case.id} has no label to centre the frame on")
    inside = torch.nonzero(case.label > 0)[:, 1:]
    middle = (inside.amin(0) + inside.amax(0)) / 2
    depth = case.shape[0]
    frame = (depth, HEART_FRAME, HEART_FRAME)
    framed = crop_or_pad(case, frame, centre=((depth - 1) / 2, *middle.tolist()), pad_label=0)
    return resize(framed, (depth, HEART_GRID, HEART_GRID))


def noisy_slices(case: Case, generator: torch.Generator, setting: Setting) -> Case:
    """Faults of `setting["noise"]` in the labels of each slice, every structure of it at `setting["rate"]`.

    Setting "noise" to "none" changes nothing. Displacements are at most (for "jitter": have a standard
    deviation of) three pixels of the grid that the nets see.
    """
    if case.label is None or setting["noise"] == "none":
        return case
    planes = [corrupt_labels(plane, setting["noise"], setting["rate"], generator) for plane in case.label]
    return case.with_(label=torch.stack(planes))


def every_other(case: Case, *, first: int, group: str) -> Case:
    """Slices `first`, `first + 2`, … of a volume as a volume of its own, filed under another group."""
    affine = case.affine.copy()
    affine[:3, 3] += affine[:3, 0] * first
    affine[:3, 0] *= 2
    label = None if case.label is None else case.label[first::2]
    return case.with_(
        image=case.image[:, first::2],
        label=label,
        affine=affine,
        spacing_mm=None if case.spacing_mm is None else (2 * case.spacing_mm[0], *case.spacing_mm[1:]),
        id=f"{case.id}/{first}",
        group=group,
    )


def slices_of(cases: Sequence[Case]) -> list[Case]:
    """Every slice of every volume as a 2-D case."""
    return [plane for case in cases for plane in slices(case, axis=0)]


def choose(items: Sequence[Case], n: int, generator: torch.Generator) -> list[Case]:
    """`n` of the items at random, each at most once."""
    return [items[i] for i in torch.randperm(len(items), generator=generator)[:n].tolist()]
