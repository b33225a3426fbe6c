"""Masks without an oracle: a first network finds the parent structure, a second one is given what it found.

A first network may learn from the few labels alone, or from the unlabelled training scans too: from its own
predictions on them (self-training), or from a mask that a threshold gives. The image alone gets the same
twice: more updates, an average of networks, and self-training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segkit.data import Case, WholeBatches
from segkit.data.slicing import in_slices
from segkit.experiments.draw import Draw
from segkit.experiments.plan import Arm
from segkit.experiments.plans._mask_prior import (
    Setup,
    batches_of,
    losses,
    network,
    separate,
    training_batches,
)
from segkit.mask_prior import Cascade, Jitter, MaskPrior, ParentNetwork
from segkit.mask_prior.method import Scenario
from segkit.mask_prior.regions import largest_part
from segkit.train import Batch, State, Supervised, Trainer

PARENT = ("outside", "parent")


def fit(
    cases: Sequence[Case],
    draw: Draw,
    setup: Setup,
    *,
    classes: int,
    updates: int,
    purpose: str,
    training: Any,
) -> nn.Module:
    """A network for images alone, trained on cases whose image is alone."""
    net = network(draw, setup, 1, classes=classes, purpose=purpose)
    method = Supervised(net, losses(setup, classes))
    options = {"schedule": training["schedule"], "lr": training["lr"], "clip": training["clip"]}
    trainer = Trainer(
        method, iterations=updates, seed=draw.seed(purpose), progress=False, logger=None, **options
    )
    trainer.fit(batches_of(setup.planes(cases), draw, setup, purpose=f"batches {purpose}"))
    return net.cpu().eval()


@torch.no_grad()
def labelled_by(
    net: Callable[[Tensor], Tensor], cases: Sequence[Case], setup: Setup, *, parent: bool
) -> list[Case]:
    """Cases with the labels that a network gives them."""
    out = []
    for case in cases:
        logits = in_slices(net, case.image[None])[0] if setup.dims == 2 else net(case.image[None])[0]
        label = logits.max(0).indices
        if parent:
            label = torch.from_numpy(largest_part(label.numpy() > 0)[0]).long()
        out.append(case.with_(label=label))
    return out


def parent_cases(cases: Sequence[Case], setup: Setup, key: str) -> list[Case]:
    """Cases whose label is one of their masks."""
    out = []
    for case in cases:
        alone = separate(case, setup, [key])
        out.append(alone.with_(label=alone.meta[key][0].long(), classes=PARENT, meta={}))
    return out


def first_stage(
    draw: Draw,
    setup: Setup,
    *,
    updates: int,
    weak: str = "",
    rounds: int = 1,
    members: int = 1,
    training: Any,
) -> ParentNetwork:
    """A network that predicts the parent structure.

    Args:
        draw: its cases, and the initial weights.
        setup: the data set.
        updates: of each training.
        weak: a mask, found without labels, that labels the unlabelled training scans; empty for none.
        rounds: trainings in a row; from the second on the network before labels the unlabelled scans.
        members: networks of the last round whose probabilities are averaged.
        training: options of the Trainer.
    """
    known = parent_cases(draw.train, setup, "true")
    others = (
        parent_cases(draw.unlabelled, setup, weak)
        if weak
        else [separate(c, setup, ()) for c in draw.unlabelled]
    )
    learn = partial(fit, draw=draw, setup=setup, classes=2, updates=updates, training=training)
    nets: list[nn.Module] = []
    for turn in range(rounds):
        if turn or weak:
            if turn:
                others = labelled_by(nets[0], others, setup, parent=True)
            pool = [*known, *(c.with_(classes=PARENT) for c in others)]
        else:
            pool = known
        count = members if turn == rounds - 1 else 1
        nets = [learn(pool, purpose=f"parent {turn} {i}") for i in range(count)]
    return ParentNetwork(nets, setup.planes(known)[0].shape)


class TwoStages(Cascade):
    """A cascade on the grid of its first network, which labels whole batches at once.

    Args:
        learns_from: "predicted" lets the second stage learn from what the first finds in the training images,
            "given" from the masks of the batches.
        args, options: of `Cascade`.
    """

    def __init__(self, *args: Any, learns_from: str = "given", dims: int = 2, **options: Any) -> None:
        super().__init__(*args, **options)
        self.learns_from, self.dims = learns_from, dims

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The loss terms of a batch."""
        if self.learns_from == "predicted":
            batch = {**batch, self.prior[0]: self.predicted_prior(batch["image"])}
        return super().step(batch, state)

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities of images, or of volumes slice by slice."""
        image = image[:, : self.image_channels]
        prior = self.predicted_prior(image)
        if self.dims == image.ndim - 2:
            return self.probabilities(self.joined(image, prior))
        return in_slices(self.probabilities, self.joined(image, prior))

    @torch.no_grad()
    def predicted_prior(self, image: Tensor) -> Tensor:
        """The mask that the first network finds; of a volume its largest part."""
        flat = self.dims == image.ndim - 2
        found = self.parent(image) if flat else in_slices(self.parent, image)
        if self.soft:
            return found.to(image)
        inside = (found > self.threshold).cpu().numpy()
        kept = np.stack([largest_part(one[0])[0] for one in inside])
        return torch.from_numpy(kept)[:, None].to(image)


def cascade(
    draw: Draw,
    *,
    setup: Setup,
    stage: Mapping[str, Any],
    scenario: Scenario = "image+mask",
    learns_from: str = "given",
    jitter: Mapping[str, Any] | None = None,
    **options: Any,
) -> TwoStages:
    """Both stages; the first is trained here.

    Args:
        draw: cases and initial weights.
        setup: the data set.
        stage: options of `first_stage`.
        scenario: whether the second stage sees the image too, or the mask alone.
        learns_from: as in `TwoStages`.
        jitter: options of `Jitter`; None leaves the masks as they are.
        options: of `TwoStages`.
    """
    parent = first_stage(draw, setup, **stage)
    return TwoStages(
        network(draw, setup, 1 if scenario == "mask" else 2),
        losses(setup, draw.n_classes),
        channels={"true": 1},
        scenario=scenario,
        parent=parent,
        learns_from=learns_from,
        dims=setup.dims,
        perturb=None if jitter is None else Jitter(**jitter),
        **options,
    )


def cascade_arm(words: str, setup: Setup, *, learns_from: str = "given", **options: Any) -> Arm:
    """An arm whose mask is predicted, in every prediction from the image alone."""
    maps = ("true",) if learns_from == "given" else ()
    return Arm(
        words,
        partial(cascade, setup=setup, learns_from=learns_from, **options),
        partial(training_batches, setup=setup, maps=maps),
    )


class Averaged(MaskPrior):
    """The image alone, predicted by the mean of this network and one that was trained before."""

    def __init__(self, *args: Any, other: nn.Module, dims: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self.other, self.dims = other.requires_grad_(False), dims

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities of images, or of volumes slice by slice."""
        image = image[:, :1]
        return self._mean(image) if self.dims == image.ndim - 2 else in_slices(self._mean, image)

    def _mean(self, image: Tensor) -> Tensor:
        return (self.probabilities(image) + torch.softmax(self.other(image).float(), 1)) / 2


def averaged(draw: Draw, *, setup: Setup, updates: int, training: Mapping[str, Any]) -> Averaged:
    """Two networks for the image alone: the updates of two stages, and no mask."""
    cases = [separate(case, setup, ()) for case in draw.train]
    other = fit(
        cases, draw, setup, classes=draw.n_classes, updates=updates, purpose="second", training=training
    )
    net = network(draw, setup, 1)
    return Averaged(
        net, losses(setup, draw.n_classes), channels={}, scenario="image", other=other, dims=setup.dims
    )


def self_trained(draw: Draw, *, setup: Setup, updates: int, training: Mapping[str, Any]) -> WholeBatches:
    """Labelled scans, and the unlabelled ones with the labels that a first network gives them."""
    known = [separate(case, setup, ()) for case in draw.train]
    others = [separate(case, setup, ()) for case in draw.unlabelled]
    first = fit(
        known, draw, setup, classes=draw.n_classes, updates=updates, purpose="teacher", training=training
    )
    pool = [*known, *labelled_by(first, others, setup, parent=False)]
    return batches_of(setup.planes(pool), draw, setup)
