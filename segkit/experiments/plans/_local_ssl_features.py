"""What frozen features hold: a linear probe at one tap, retrieval between views, share of the position."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from segkit.data import Case
from segkit.data.slicing import in_slices
from segkit.experiments.draw import Draw
from segkit.experiments.measuring import Extra
from segkit.experiments.plans._local_ssl import SEEDS, losses, start
from segkit.experiments.plans._local_ssl_data import Setup
from segkit.experiments.plans._local_ssl_pretraining import Recipe, unlabelled_pool
from segkit.local_ssl import (
    Intensity,
    LinearProbe,
    TwoBoxes,
    features_at_common_points,
    make_views,
    positional_share,
    retrieve,
)
from segkit.nets.segmenter import Segmenter
from segkit.train import Batch, Method

PAIRS = 8
"""Pairs of views per case in which corresponding points are looked for."""

VIEWS = 48
"""Views of different images for the share of the position."""

GRID = 6
"""Points per axis, in every tap and every arm alike."""


class Probe(LinearProbe):
    """A linear probe that predicts volumes slice by slice where its network is 2-D."""

    facts: Mapping[str, float] = {}

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities of images, or of volumes slice by slice."""
        same = image.ndim == self.net.spatial_dims + 2
        return super().predict(image) if same else in_slices(super().predict, image)


class ProbeLoss(nn.Module):
    """The losses of fine-tuning as one, weighted as at its end."""

    def __init__(self, setup: Setup, classes: int) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(losses(setup, classes))

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """The sum."""
        return torch.stack([part(logits, label) for part in self.parts.values()]).sum()


def probed(draw: Draw, *, setup: Setup, recipe: Recipe | None = None, seeds: int = SEEDS) -> Probe:
    """A probe on the frozen features of a draw, at the setting's "tap" or that of the setup; see `start`."""
    net, _, facts = start(draw, setup=setup, recipe=recipe, seeds=seeds)
    tap = str(draw.setting.get("tap", setup.probe))
    net.requires_grad_(False)
    build = partial(Probe, net, tap, loss=ProbeLoss(setup, draw.n_classes))
    method = draw.module(build, "probe")
    method.facts = facts
    return method


def knowledge(draw: Draw, method: Method, *, setup: Setup) -> Extra:
    """Retrieval in every case; the share of the position; what the pre-training cost and how it ended."""
    assert isinstance(method, Probe)
    images = setup.planes(unlabelled_pool(draw))
    places = np.linspace(0, len(images) - 1, min(VIEWS, len(images))).astype(int)
    batch = pairs_of([images[i] for i in places], setup, "position")
    with torch.no_grad():
        maps = method.net.eval().forward_features(batch["view1"], [method.tap])[method.tap]
    whole = {
        "positional_share": float(positional_share(maps)),
        "pretraining_s": method.facts.get("cpu_s", 0.0),
        **{f"pretraining_{key}": method.facts.get(key, float("nan")) for key in ("loss", "spread")},
    }
    return partial(looked_for, net=method.net, tap=method.tap, setup=setup, whole=whole)


def looked_for(
    case: Case, prediction: Tensor, *, net: Segmenter, tap: str, setup: Setup, whole: Mapping[str, float]
) -> dict[str, list[float]]:
    """Hits and error of retrieval between views of one case, the same for every structure."""
    images = setup.planes([case])
    chosen = np.linspace(0, len(images) - 1, PAIRS).round().astype(int)
    batch = pairs_of([images[i] for i in chosen], setup, case.id)
    first, second, where, valid = features_at_common_points(net, tap, batch, (GRID,) * setup.dims)
    values = {**whole, **dict.fromkeys(("hits", "error", "chance"), float("nan"))}
    if bool(valid.any()):
        spacing = images[0].spacing_mm
        step = None if spacing is None else torch.tensor(spacing, dtype=torch.float32)
        found = retrieve(first, second, where, valid=valid, spacing_mm=step)
        values |= {"hits": found.hits, "error": found.error, "chance": found.chance}
    return {name: [value] * (case.n_classes - 1) for name, value in values.items()}


def pairs_of(cases: Sequence[Case], setup: Setup, purpose: str) -> Batch:
    """One pair of views of each case, the same in every run, not mirrored, with other intensities."""
    seed = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:4], "big")
    boxes = TwoBoxes(setup.view, scale=(0.8, 1.25), overlap=0.5)
    images = torch.stack([case.image for case in cases])
    return make_views(images, boxes, seed, intensity=Intensity(), air_below=setup.air)
