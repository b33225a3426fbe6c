"""What the experiments on fetal ultrasound share: the frame and the grid."""

from __future__ import annotations

import torch

from segkit.data import Case, corrupt_labels, crop_or_pad, load, resize, z_score
from segkit.experiments.plan import Setting

FRAME, GRID = (540, 800), (48, 72)
"""Pixels of an image, a few being padded to that size, and as the nets see it: blocks, averaged."""


def prepare(name: str) -> list[Case]:
    """Images as z-scores, all on one coarse grid."""
    return [
        resize(crop_or_pad(z_score(case), FRAME, pad_label=0), GRID).with_(meta={}) for case in load(name)
    ]


def noisy(case: Case, generator: torch.Generator, setting: Setting) -> Case:
    """The head with a fault of `setting["noise"]`, at `setting["rate"]`; "none" changes nothing."""
    if case.label is None or setting["noise"] == "none":
        return case
    faulty = corrupt_labels(case.label, setting["noise"], setting["rate"], generator)
    return case.with_(label=faulty)
