"""Two stages: a coarse net says where, a fine net says what, and the mask has the grid of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segkit.data.case import Case
from segkit.evaluate import predict_labels, predict_probs, preprocess
from segkit.evaluate.inference import Predictor
from segkit.evaluate.native import Step, to_grid
from segkit.voxel_metric.boxes import CropBox, check_spacing, crop_at
from segkit.voxel_metric.localising import Located, locate, to_index, to_point


@dataclass(frozen=True)
class Stage:
    """One of the two networks.

    Attributes:
        predictor: images `(B, C, *S)` → class probabilities `(B, K, *S)`.
        steps: how a case is prepared for it, as in a checkpoint; the last grid is that of the network.
        spacing_mm: of that grid; None where it was not said.
        options: of `predict_probs`: patch, batch_size, …
        channels: of the images; None where it was not said.
    """

    predictor: Predictor
    steps: Sequence[Step] = ()
    spacing_mm: tuple[float, ...] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    channels: int | None = None

    def prepared(self, case: Case, name: str) -> Case:
        """A case as this network was trained on.

        Raises:
            DataError: its spacing after preparation is not that of the network.
        """
        ready = preprocess(case, self.steps)
        check_spacing(ready, self.spacing_mm, f"{name} was trained")
        return ready


@dataclass(frozen=True)
class TwoStageResult:
    """What the two stages say about a case.

    Attributes:
        labels: int64, shape `case.shape`; background outside of the box.
        located: where the box was put; `located.found` is False for the fall-back.
        crop: the part that stage 2 saw, on its grid.
    """

    labels: Tensor
    located: Located
    crop: Case


@dataclass(frozen=True)
class TwoStage:
    """The pipeline.

    Attributes:
        first: finds the structures on a coarse grid.
        second: segments the box about them on a fine one.
        box: size of the box, and where to put it if stage 1 finds nothing.
        pad: whether an image smaller than the box is padded; otherwise it is an error.
    """

    first: Stage
    second: Stage
    box: CropBox
    pad: bool = False

    def localise(self, case: Case) -> Located:
        """Where stage 1 sees the structures of a case.

        Raises:
            DataError: the case does not come to the spacing of a stage.
        """
        ready = self.first.prepared(case, "stage 1")
        labels = predict_labels(self.first.predictor, ready.image, **self.first.options)
        if not (labels > 0).any():
            # The mean place is a share of stage 2's image, whose axes need not be those of stage 1.
            ready = self.second.prepared(case, "stage 2")
            labels = labels.new_zeros(ready.shape)
        return locate(labels, ready, self.box.centre_share)

    def predict(self, case: Case, *, located: Located | None = None, **options: Any) -> TwoStageResult:
        """Labels of a case on its own grid.

        Args:
            case: the image as it was read.
            located: where to put the box; default: where stage 1 says. Give the true centroid for an oracle.
            options: further options of `predict_probs` for stage 2.

        Raises:
            DataError: a spacing that does not fit, or a box larger than the image and no padding.

        Example:
            >>> from segkit.data import phantom
            >>> from segkit.voxel_metric import fit_box
            >>> case = phantom("hippocampus", 0)
            >>> bright = Stage(lambda x: torch.cat([-x, x], 1), [{"name": "z_score"}], (1.0, 1.0, 1.0))
            >>> result = TwoStage(bright, bright, fit_box([case], margin_mm=1.0)).predict(case)
            >>> result.labels.shape == case.shape, result.located.found
            (True, True)
        """
        located = self.localise(case) if located is None else located
        ready = self.second.prepared(case, "stage 2")
        crop = crop_at(ready, self.box, located.index(ready), pad=self.pad)
        probs = predict_probs(self.second.predictor, crop.image, **{**self.second.options, **options})
        return TwoStageResult(paste(probs, crop, case), located, crop)


def paste(probs: Tensor, crop: Case, case: Case) -> Tensor:
    """The classes of a crop on the grid of the case that it was cut from; background outside of it.

    Args:
        probs: class probabilities on the crop, `(K, *crop.shape)`.
        crop: on any grid whose axes are those of the case, in any order and direction.
        case: gives the grid.

    Returns:
        int64, shape `case.shape`.
    """
    corners = product(*((-0.5, n - 0.5) for n in crop.shape))
    ends = np.stack([to_index(to_point(corner, crop), case) for corner in corners])
    first = np.clip(np.ceil(ends.min(0) - 1e-4), 0, case.shape).astype(int)
    behind = np.clip(np.floor(ends.max(0) + 1e-4).astype(int) + 1, first, case.shape)
    window = tuple(slice(int(a), int(b)) for a, b in zip(first, behind, strict=True))
    labels = torch.zeros(case.shape, dtype=torch.int64)
    if (behind > first).all():
        affine = case.affine.copy()
        affine[:3, 3] = to_point(first.tolist(), case)
        part = case.with_(image=case.image[(slice(None), *window)], label=None, affine=affine)
        labels[window] = to_grid(probs.cpu(), crop, part).argmax(0)
    return labels
