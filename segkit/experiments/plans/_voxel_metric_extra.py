"""What chapter 5 measures besides metrics of masks: parts and holes, and how well features are told apart."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segkit.data import Case
from segkit.experiments.draw import Draw
from segkit.experiments.measuring import Extra
from segkit.experiments.plans._organs import whole_frames
from segkit.experiments.plans._voxel_metric import branch
from segkit.nets.segmenter import Segmenter
from segkit.train import Batch, Method, State, Trainer, full_precision
from segkit.voxel_metric import (
    MetricBranch,
    MetricUNet,
    VoxelSampler,
    class_means,
    gather_voxels,
    nearest_class_mean,
    silhouette,
)
from segkit.voxel_metric.branch import Branch
from segkit.voxel_metric.contours import KEY

TAP = "decoder0"
"""The features that are looked at: those that the last layer turns into logits."""

TRAINING_VOXELS, HELD_OUT = 256, 128
"""Voxels of the band per class and image: for the class means, and of an image that is measured."""


def parts_and_holes(draw: Draw, method: Method) -> Extra:
    """Number of connected components of each structure, and of holes in it."""
    return count_parts


def count_parts(case: Case, prediction: Tensor) -> dict[str, list[float]]:
    """Voxels that share a corner are connected; a hole is what has no way out through faces."""
    from scipy.ndimage import binary_fill_holes, generate_binary_structure, label

    found: dict[str, list[float]] = {"components": [], "holes": []}
    corners = generate_binary_structure(prediction.ndim, prediction.ndim)
    for k in range(1, case.n_classes):
        mask = prediction.numpy() == k
        found["components"].append(float(label(mask, corners)[1]))
        found["holes"].append(float(label(binary_fill_holes(mask) & ~mask)[1]))
    return found


class Afterwards(Method):
    """A branch that is trained on a network which no longer changes."""

    def __init__(self, net: Segmenter, learner: Branch) -> None:
        super().__init__()
        self.net, self.learner = net.requires_grad_(False), learner

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The terms of the branch."""
        with torch.no_grad():
            features = self.net.forward_features(batch["image"], [*self.learner.taps, "logits"])
        with full_precision(features["logits"]):
            terms = self.learner(features, batch, state.generator)
        total = torch.stack([weight * terms[name] for name, weight in self.learner.weights.items()]).sum()
        return {**terms, "total": total}


def separation(
    draw: Draw, method: Method, *, updates: int, training: Mapping[str, Any], band_mm: float
) -> Extra:
    """Nearest class mean and silhouette of band voxels, by the head of the arm and by one trained afterwards.

    Names without an ending are those of the head that was trained with the network, or, of an arm without
    such a head, of the other one. `…_after` is in every arm the same kind of head (triplets and pairs at
    `TAP`) trained afterwards on the frozen network, for as many updates; `…_raw` is no head at all.
    """
    net = method.net
    assert isinstance(net, Segmenter)
    device = next(net.parameters()).device
    needs = [each.requires_grad for each in net.parameters()]
    learner = branch(draw, net, form="both", weight=1.0, band_mm=band_mm)
    Trainer(
        Afterwards(net, learner), iterations=updates, seed=draw.seed("afterwards"), accelerator=device.type,
        progress=False, logger=None, **training,
    ).fit(whole_frames(draw))  # fmt: skip
    for each, before in zip(net.parameters(), needs, strict=True):
        each.requires_grad_(before)
    assert isinstance(learner, MetricBranch)
    heads: dict[str, nn.Module] = {"_after": learner.heads[TAP], "_raw": nn.Identity()}
    heads[""] = own_head(method) or heads["_after"]
    sampler = VoxelSampler("contour", per_class=TRAINING_VOXELS, band_mm=band_mm, band_share=1.0)
    rows = [band_features(net, case, sampler, draw.generator(f"means {case.id}")) for case in draw.train]
    features, labels = (torch.cat(each) for each in zip(*rows, strict=True))
    with torch.no_grad():
        means = {name: class_means(head(features), labels, draw.n_classes) for name, head in heads.items()}
    return partial(measure_separation, net=net, heads=heads, means=means, band_mm=band_mm)


def own_head(method: Method) -> nn.Module | None:
    """The head at `TAP` that was trained together with the network, if there is one."""
    branches = method.branches if isinstance(method, MetricUNet) else []
    for each in branches:
        if isinstance(each, MetricBranch) and TAP in each.heads:
            return each.heads[TAP]
    return None


def measure_separation(
    case: Case,
    prediction: Tensor,
    *,
    net: Segmenter,
    heads: Mapping[str, nn.Module],
    means: Mapping[str, Tensor],
    band_mm: float,
) -> dict[str, list[float]]:
    """For each structure: balanced accuracy of the nearest class mean, and the silhouette of its voxels.

    The accuracy is the mean of two shares: of the structure's voxels that get its class, and of the others
    that do not.
    """
    sampler = VoxelSampler("contour", per_class=HELD_OUT, band_mm=band_mm, band_share=1.0)
    features, labels = band_features(net, case, sampler, torch.Generator().manual_seed(0))
    found: dict[str, list[float]] = {}
    for name, head in heads.items():
        with torch.no_grad():
            z = head(features)
        nearest, widths = nearest_class_mean(z, means[name]), silhouette(z.cpu(), labels.cpu())
        for k in range(1, case.n_classes):
            own, hits = (labels == k).cpu(), (nearest == k).cpu()
            balanced = np.mean([float(hits[own].float().mean()), float((~hits[~own]).float().mean())])
            found.setdefault(f"ncm{name}", []).append(float(balanced))
            found.setdefault(f"silhouette{name}", []).append(float(widths[own].mean()))
    return found


def band_features(
    net: Segmenter, case: Case, sampler: VoxelSampler, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Features at `TAP` of drawn voxels of a case, and their classes."""
    if case.label is None:
        raise ValueError(f"case {case.id} has no label")
    device = next(net.parameters()).device
    sample = sampler(case.label[None], generator=generator, distance_mm=case.meta[KEY][None])
    with torch.no_grad():
        features = net.forward_features(case.image[None].to(device), [TAP])[TAP]
    return gather_voxels(features.float().cpu(), sample).to(device), sample.labels.to(device)
