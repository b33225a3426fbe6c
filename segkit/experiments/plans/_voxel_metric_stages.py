"""The two stages of chapter 5 on whole CT: where is the left parotid gland, and what is its mask?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from segkit.data import Augment, Case, PatchBatches, WholeBatches, crop_or_pad, load, resample, window
from segkit.evaluate import predict_labels
from segkit.experiments.draw import Draw
from segkit.experiments.measuring import Extra
from segkit.experiments.plans._organs import HU, KEYS, SPACING
from segkit.experiments.plans._voxel_metric import WIDTHS, method
from segkit.losses import DiceCELoss
from segkit.nets import UNet
from segkit.train import Batch, Method, State, Supervised
from segkit.voxel_metric import (
    CropBatches,
    CropBox,
    Located,
    Stage,
    TwoStage,
    centroid,
    contained,
    fit_box,
    locate,
    with_distances,
)
from segkit.voxel_metric.localising import to_point

ORGAN = "left parotid"

FRAME = (96, 96, 128)
"""Voxels of `SPACING`: the middle of the image, in which every patient has the organ."""

COARSE = (14.1, 14.1, 12.0)
"""Voxel size of stage 1 in mm: a frame of 32 × 32 × 32."""

CONTEXT_MM, ERROR_MM = 8.0, 12.0
"""Margin of the box, and the error of stage 1 that it allows for and that training crops are shaken by."""


def heads(name: str) -> list[Case]:
    """Whole CT, the organ against everything else."""
    found = []
    for case in load(name):
        ready = resample(window(case.with_(meta={}), *HU), SPACING)
        assert ready.label is not None
        label = (ready.label == ready.classes.index(ORGAN)).long()
        one = ready.with_(label=label, classes=("background", "parotid"))
        found.append(crop_or_pad(one, FRAME, pad_label=0))
    return found


def box_of(draw: Draw) -> CropBox:
    """The box of stage 2, from the training cases."""
    box = fit_box(draw.train, margin_mm=CONTEXT_MM)
    half = tuple(each + ERROR_MM for each in box.half_mm)
    return replace(box, half_mm=half, error_mm=(ERROR_MM,) * 3)


def turns() -> Augment:
    """As in the other experiments of the chapter."""
    return Augment(rotate_deg=15, scale=0.15, intensity=0)


class StageBatches:
    """Batches of both stages: crops about the shaken centroid, and whole images on the coarse grid."""

    def __init__(self, draw: Draw, *, batch_size: int = 4) -> None:
        box, seed = box_of(draw), draw.seed("batches")
        # Only what a crop can reach is kept: signed distances of whole images would fill the memory.
        near = [with_distances(_surroundings(case, box)) for case in draw.train]
        self.fine = CropBatches(
            near, box, batch_size=batch_size, seed=seed, augment=turns(), keys=KEYS, pad=True
        )
        coarse = [resample(case, COARSE) for case in draw.train]
        self.coarse = WholeBatches(coarse, batch_size=2, seed=seed, augment=turns())

    def __getitem__(self, iteration: int) -> Batch:
        coarse = self.coarse[iteration]
        return {**self.fine[iteration], **{f"coarse_{key}": value for key, value in coarse.items()}}


def _surroundings(case: Case, box: CropBox) -> Case:
    assert case.label is not None
    centre = centroid(case.label)
    assert centre is not None
    wide = tuple(2 * n for n in box.size)
    return crop_or_pad(case, wide, centre=centre, pad_label=0)


def patches(draw: Draw, *, batch_size: int = 4) -> PatchBatches:
    """Patches of whole images, as large as the box; half of them with the organ in the middle."""
    return PatchBatches(
        draw.train,
        patch=box_of(draw).size,
        batch_size=batch_size,
        seed=draw.seed("batches"),
        foreground=0.5,
        augment=turns(),
    )


class OneStage(Supervised):
    """The same network on patches of whole images; it predicts by windows."""

    def __init__(self, net: UNet, box: CropBox) -> None:
        super().__init__(net, DiceCELoss())
        self.box = box

    def predict_case(self, case: Case) -> Tensor:
        """Labels of a whole image."""
        device = next(self.parameters()).device
        return predict_labels(
            self.predict, case.image, patch=self.box.size, overlap=0.25, batch_size=8, device=device
        )

    def located(self, case: Case, prediction: Tensor) -> Located:
        """Where a box would be put about what was predicted."""
        return locate(prediction, case, self.box.centre_share)


class TwoStages(Method):
    """A coarse network that finds the organ and a fine one on the crop, trained side by side.

    Args:
        draw: decides all initial weights.
        oracle: put the box about the true centroid.
        second: options of `_voxel_metric.method`, for stage 2.
    """

    def __init__(self, draw: Draw, *, oracle: bool, second: Mapping[str, Any]) -> None:
        super().__init__()
        net = draw.module(partial(UNet, 3, 1, draw.n_classes, WIDTHS, convs=1, skip="add"), "stage 1")
        self.first, self.second = Supervised(net, DiceCELoss()), method(draw, **second)
        self.box, self.oracle = box_of(draw), oracle

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """Both totals; the networks share nothing."""
        coarse = {"image": batch["coarse_image"], "label": batch["coarse_label"]}
        found = self.first.step(coarse, state)["total"]
        terms = self.second.step({key: batch[key] for key in KEYS}, state)
        return {**terms, "stage 1": found, "total": terms["total"] + found}

    def pipeline(self) -> TwoStage:
        """The two stages as the library has them."""
        device = next(self.parameters()).device
        steps = [{"name": "resample", "kwargs": {"spacing_mm": list(COARSE)}}]
        return TwoStage(
            Stage(self.first.predict, steps, COARSE, {"device": device}),
            Stage(self.second.predict, (), SPACING, {"device": device}),
            self.box,
            pad=True,
        )

    def located(self, case: Case, prediction: Tensor | None = None) -> Located:
        """Where the box is put."""
        if not self.oracle:
            return self.pipeline().localise(case)
        assert case.label is not None
        centre = centroid(case.label)
        assert centre is not None
        return Located(to_point(centre, case), True)

    def predict_case(self, case: Case) -> Tensor:
        """Labels of a whole image, background outside of the box."""
        return self.pipeline().predict(case, located=self.located(case)).labels


def localisation(draw: Draw, trained: Method) -> Extra:
    """Whether the box about what was found holds the organ, and how far its centre is off in mm."""
    return partial(measure_localisation, trained=trained)


def measure_localisation(case: Case, prediction: Tensor, *, trained: Any) -> dict[str, list[float]]:
    """For the one organ: contained (0 or 1), found (0 or 1), and the error of the centre."""
    located, box = trained.located(case, prediction), trained.box
    assert case.label is not None
    truth = centroid(case.label)
    assert truth is not None
    off = torch.from_numpy(located.point - to_point(truth, case)).norm()
    return {
        "contained": [float(contained(case, box, located.index(case)))],
        "found": [float(located.found)],
        "centre_error_mm": [float(off)],
    }


def one_stage(draw: Draw) -> OneStage:
    """The plain network without a first stage."""
    net = draw.module(partial(UNet, 3, 1, draw.n_classes, WIDTHS, convs=1, skip="add"))
    return OneStage(net, box_of(draw))


def two_stages(draw: Draw, *, oracle: bool = False, **second: Any) -> TwoStages:
    """Both stages."""
    return TwoStages(draw, oracle=oracle, second=second)
