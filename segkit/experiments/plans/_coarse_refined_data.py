"""The images of the semi-supervised experiments: frames, who is labelled, and batches of two streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from segkit.coarse_refined import semi_supervised_batches
from segkit.data import Augment, Case, WholeBatches, crop_or_pad, load, resize, z_score
from segkit.data.splitting import Split, load_split
from segkit.data.streams import TwoStreamBatches
from segkit.experiments.draw import Draw
from segkit.experiments.plans import _hc18 as hc18
from segkit.experiments.plans._acdc import FRAME, slices_of

GRID = 96
"""Pixels in the plane as the nets see it; the frame of the other cardiac experiments, on a finer grid."""

CONTRAST = 0.25
"""Of the weak view: factors within 1 ± so much, offsets within ± so much of the standard deviation."""

CHOICES_POOL = 24
"""Patients whose labels are drawn from while choices are made; the others are measured."""


def heart_slices(name: str) -> list[Case]:
    """Volumes (slice, row, column) as z-scores, the middle of each slice averaged to `GRID`."""
    found = []
    for case in load(name):
        case = z_score(case).with_(meta={})
        framed = crop_or_pad(case, (case.shape[0], FRAME, FRAME), pad_label=0)
        found.append(resize(framed, (case.shape[0], GRID, GRID)))
    return found


def heads(name: str) -> list[Case]:
    """Ultrasound images on one grid, without their spacing: distances are told in its pixels."""
    return [case.with_(spacing_mm=None) for case in hc18.prepare(name)]


def with_validation(name: str) -> Split:
    """The committed split with the validation patients in the training part, for tables of the test part.

    Of `acdc` that makes 48 patients, of whom two are 4 %. Choices are made by then; whoever is not drawn to
    be labelled is unlabelled.
    """
    split = load_split(name)
    return Split(tuple(sorted((*split.train, *split.validation))), (), split.test, split.seed)


def for_choices(name: str, *, pool: int = CHOICES_POOL) -> Split:
    """So many of the training and validation patients to train on, the others to measure on.

    The validation part of `acdc` has 8 patients, too few to tell points apart. No patient of the test part is
    in any part of this split.
    """
    both = with_validation(name)
    order = np.random.default_rng(both.seed).permutation(both.train).tolist()
    return Split(tuple(sorted(order[:pool])), tuple(sorted(order[pool:])), (), both.seed)


class Contrast:
    """A factor and an offset for the intensities of an image, as MONAI's transforms are called."""

    def __init__(self, size: float = CONTRAST) -> None:
        self.size = size
        self.set_random_state(0)

    def set_random_state(self, seed: int) -> None:
        """Draw from this seed on."""
        self.random = np.random.default_rng(seed)

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The sample with another image."""
        factor, offset = self.random.uniform(-self.size, self.size, 2)
        return {**sample, "image": sample["image"] * (1 + factor) + offset}


def weak_view(strength: str = "strong") -> Augment:
    """What every arm's images go through.

    "strong" turns, scales and changes the contrast of every image; "weak" moves it by a few percent.
    """
    if strength == "weak":
        return Augment(spatial=1.0, rotate_deg=0, scale=0.02, intensity=0, flip_axes=(1,))
    return Augment(spatial=1.0, rotate_deg=20, scale=0.15, transforms=[Contrast()])


def two_streams(draw: Draw, *, batch_size: tuple[int, int] = (4, 4)) -> TwoStreamBatches:
    """Labelled and unlabelled slices, turned and scaled a little. Where all are labelled, they are both."""
    labelled, unlabelled = planes_of(draw)
    return semi_supervised_batches(
        labelled,
        unlabelled,
        batch_size=batch_size,
        seed=draw.seed("batches"),
        augment=weak_view(draw.setting.get("augment", "strong")),
    )


def more_labelled(draw: Draw, *, batch_size: int = 8) -> WholeBatches:
    """Labelled slices alone, as many as both streams of the other arms have together."""
    labelled, _ = planes_of(draw)
    augment = weak_view(draw.setting.get("augment", "strong"))
    return WholeBatches(labelled, batch_size=batch_size, seed=2 * draw.seed("batches"), augment=augment)


def planes_of(draw: Draw) -> tuple[list[Case], list[Case]]:
    """Labelled and unlabelled 2-D cases of a draw; the labelled ones, without labels, where all have some."""
    unlabelled = draw.unlabelled or tuple(replace(case, label=None) for case in draw.train)
    return planes(draw.train), planes(unlabelled)


def planes(cases: Sequence[Case]) -> list[Case]:
    """Slices of volumes; images as they are."""
    return slices_of(cases) if len(cases[0].shape) == 3 else list(cases)


def watched_images(draw: Draw, n: int = 16) -> list[Tensor]:
    """Some unlabelled 2-D images, the same in every arm of a draw."""
    found = planes_of(draw)[1]
    places = np.linspace(0, len(found) - 1, min(n, len(found))).astype(int)
    return [found[i].image for i in places]
