"""What the experiments on mask priors share: how a case carries its maps, the arms, the batches.

Every prepared case holds its image and, behind it, all maps that any arm may use. An arm takes from them what
its description says, in training and in prediction. All arms of a draw start from the same weights, those of
further channels at zero, and see the same images in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from segkit.data import Augment, Case, WholeBatches
from segkit.data.slicing import in_slices
from segkit.data.splitting import Split
from segkit.experiments.draw import Draw
from segkit.experiments.plan import Arm
from segkit.experiments.plans._setup import SeenBy
from segkit.losses import CrossEntropyLoss, SoftDiceLoss, cross_entropy, reduce
from segkit.mask_prior import (
    MaskPrior,
    box_mask,
    dilated_mask,
    stacked,
    widen_input,
    with_constant,
    with_maps,
    with_strangers_masks,
)
from segkit.mask_prior.method import Scenario
from segkit.nets import UNet

FLOATS = ("distance", "coordinates", "grid", "constant", "change")
"""Last words of the names of maps that are no masks; all others are."""


@dataclass(frozen=True, repr=False)
class Setup(SeenBy):
    """A data set as the networks see it.

    Attributes:
        dims: of the network; with 2 it is trained on slices and predicts volumes slice by slice.
        maps: name → channels, in the order in which they lie behind the image.
        widths: channels of the U-Net's levels.
        strides: of its levels.
        batch: images per update.
        rotate_deg, scale: of the augmentation.
        weight: of the cross-entropy of a structure, at the first and at the last update; that of the
            background is 1.
    """

    dims: int
    maps: Mapping[str, int]
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    batch: int
    rotate_deg: float = 15.0
    scale: float = 0.15
    weight: tuple[float, float] = (1.0, 1.0)


def join(case: Case, setup: Setup) -> Case:
    """A case with all maps of a setup, which are in its `meta`, behind its image, and nothing else."""
    return stacked(case, setup.maps).with_(meta={})


def separate(case: Case, setup: Setup, names: Sequence[str]) -> Case:
    """The image by itself and some of the maps in `meta`, masks as booleans: what batches are made of."""
    found, place = {}, 1
    for name, width in setup.maps.items():
        if name in names:
            value = case.image[place : place + width]
            found[name] = value if name.split()[-1] in FLOATS else value > 0.5
        place += width
    return case.with_(image=case.image[:1].contiguous(), meta=found)


def with_stranger(cases: Sequence[Case], split: Split, *, key: str, to: str = "stranger") -> list[Case]:
    """Cases with the mask of another patient, of the same part of the split."""
    out = []
    for part in (split.train, split.validation, split.test):
        own = [case for case in cases if case.group in set(part)]
        out += with_strangers_masks(own, own, seed=0, key=key, to=to)
    return out


def with_controls(
    cases: Sequence[Case], split: Split, *, key: str, width: float, step: Sequence[float] | None = None
) -> list[Case]:
    """Cases with what a gain of the mask `key` has to be compared with: constant, stranger, box, dilated.

    The dilation is `width` in the unit of `step`, the size of a voxel; in voxels without it.
    """
    return [
        with_maps(
            with_constant(case),
            box=box_mask(case.meta[key]),
            dilated=dilated_mask(case.meta[key], width, step),
        )
        for case in with_stranger(cases, split, key=key)
    ]


class FadingEntropy(nn.Module):
    """Cross-entropy in which structures weigh more than background at first, and less and less so.

    Small organs are a thousandth of the voxels: with equal weights nothing is found in the first updates, and
    then the gradient of soft Dice is as small as the probabilities.
    """

    def __init__(self, classes: int, first: float, last: float) -> None:
        super().__init__()
        self.classes, self.first, self.last = classes, first, last

    def forward(self, logits: Tensor, labels: Tensor, progress: float = 1.0) -> Tensor:
        """The weighted mean over voxels."""
        weight = logits.new_full((self.classes,), self.first * (self.last / self.first) ** progress)
        weight[0] = 1.0
        values = cross_entropy(logits, labels, class_weight=weight)
        return reduce(values, labels >= 0) / weight.mean()


def losses(setup: Setup, classes: int) -> dict[str, nn.Module]:
    """Soft Dice and cross-entropy."""
    first, last = setup.weight
    entropy = CrossEntropyLoss() if first == last == 1 else FadingEntropy(classes, first, last)
    return {"entropy": entropy, "dice": SoftDiceLoss()}


def network(
    draw: Draw, setup: Setup, channels: int, *, classes: int = 0, purpose: str = "weights"
) -> nn.Module:
    """The U-Net of a draw; channels behind the first start at zero."""
    build = partial(
        UNet,
        setup.dims,
        n_classes=classes or draw.n_classes,
        channels=setup.widths,
        strides=setup.strides,
        convs=1,
    )
    narrow = draw.module(partial(build, in_channels=1), purpose)
    return narrow if channels == 1 else widen_input(narrow, draw.module(partial(build, in_channels=channels)))


class SliceWise(MaskPrior):
    """A 2-D `MaskPrior` that predicts volumes slice by slice."""

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, D, H, W) of volumes (B, C, D, H, W)."""
        return in_slices(super().predict, image)


def with_prior(
    draw: Draw,
    *,
    setup: Setup,
    prior: Sequence[str] = (),
    scenario: Scenario = "image+mask",
    **options: Any,
) -> MaskPrior:
    """A network that sees the image, some of the maps, or both.

    Args:
        draw: decides the initial weights.
        setup: the data set.
        prior: the maps.
        scenario: which of them is seen; without maps the image.
        options: `p_drop_image`, `p_drop_prior`, `perturb` of `MaskPrior`.
    """
    width = sum(setup.maps[name] for name in prior)
    scenario = scenario if prior else "image"
    channels = {"image": 1, "mask": width, "image+mask": 1 + width}[scenario]
    kind = SliceWise if setup.dims == 2 else MaskPrior
    net = network(draw, setup, channels)
    if scenario == "mask":  # the maps are all there is: no weight may start at zero
        net = draw.module(partial(plain_network, setup, channels, draw.n_classes))
    return kind(
        net, losses(setup, draw.n_classes), channels=setup.maps, prior=prior, scenario=scenario, **options
    )


def plain_network(setup: Setup, channels: int, classes: int) -> UNet:
    """A U-Net whose channels all start alike."""
    return UNet(setup.dims, channels, classes, setup.widths, strides=setup.strides, convs=1)


def training_batches(draw: Draw, *, setup: Setup, maps: Sequence[str] = ()) -> WholeBatches:
    """Training images, turned and scaled a little each time, their maps with them."""
    return batches_of(setup.planes([separate(case, setup, maps) for case in draw.train]), draw, setup, maps)


def batches_of(
    planes: Sequence[Case], draw: Draw, setup: Setup, maps: Sequence[str] = (), *, purpose: str = "batches"
) -> WholeBatches:
    """Batches of images or slices that hold their image alone, and maps in `meta`."""
    return WholeBatches(
        planes,
        batch_size=setup.batch,
        seed=draw.seed(purpose),
        augment=Augment(rotate_deg=setup.rotate_deg, scale=setup.scale),
        keys=("image", "label", *maps),
    )


def arm(
    words: str, setup: Setup, prior: Sequence[str] = (), scenario: Scenario = "image+mask", **more: Any
) -> Arm:
    """An arm that is given maps."""
    return Arm(
        words,
        partial(with_prior, setup=setup, prior=tuple(prior), scenario=scenario, **more),
        partial(training_batches, setup=setup, maps=tuple(prior)),
    )
