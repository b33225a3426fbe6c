"""Fine-tuning of chapter 7: one network, one loss, one schedule, and different weights to start from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from time import process_time
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from segkit.data import Case
from segkit.data.slicing import in_slices
from segkit.experiments.draw import Draw
from segkit.experiments.measuring import Extra
from segkit.experiments.plans._local_ssl_data import SETUPS, Setup, labelled_images
from segkit.experiments.plans._local_ssl_pretraining import (
    Pretrained,
    Recipe,
    network,
    pool_of,
    pretrained,
    unlabelled_pool,
)
from segkit.experiments.plans._mask_prior import FadingEntropy
from segkit.local_ssl import FineTuning, load_pretrained, two_rates
from segkit.losses import CrossEntropyLoss, SoftDiceLoss
from segkit.nets import UNet
from segkit.train import Method, Trainer

SEEDS = 3
"""Pre-trainings of a recipe on a set, which the draws take in turn, unless a setting says which."""

ENCODER = ("downs", "encoders")
"""Modules of a U-Net's way down."""

MARK = "rate_factor"
"""Attribute of parameters whose learning rate is lower."""


class Tuning(FineTuning):
    """`FineTuning` that predicts volumes slice by slice where its network is 2-D, and tells its costs.

    Args:
        args, options: of `FineTuning`.
        factor: of the learning rate of pre-trained tensors, for `slower_where_marked`.
    """

    def __init__(self, *args: Any, factor: float = 1.0, **options: Any) -> None:
        super().__init__(*args, **options)
        self.cost: dict[str, float] = {}
        for parameter in self.old:
            setattr(parameter, MARK, factor)

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities of images, or of volumes slice by slice."""
        dims = self.net.spatial_dims
        return super().predict(image) if image.ndim == dims + 2 else in_slices(super().predict, image)  # type: ignore[operator]


def slower_where_marked(parameters: Iterable[Tensor], *, lr: float) -> Optimizer:
    """AdamW with a lower rate for the pre-trained parameters of a `Tuning`."""
    given = list(parameters)
    old = [each for each in given if hasattr(each, MARK)]
    factor = float(getattr(old[0], MARK)) if old else 1.0
    made: Optimizer = two_rates(old, factor=factor)(given, lr=lr)
    return made


def losses(setup: Setup, classes: int) -> dict[str, nn.Module]:
    """Soft Dice and cross-entropy; small organs weigh more in it, less and less so."""
    first, last = setup.weight
    entropy = CrossEntropyLoss() if first == last == 1 else FadingEntropy(classes, first, last)
    return {"entropy": entropy, "dice": SoftDiceLoss()}


def checkpoint_of(
    draw: Draw, *, setup: Setup, recipe: Recipe, source: str = "", seeds: int = SEEDS
) -> Pretrained:
    """The pre-training that a draw starts from, made if nobody has made it yet.

    Args:
        draw: its number, or its setting "pretraining", decides the seed; its training part is the pool.
        setup: the data set of the draw.
        recipe: how.
        source: another data set whose training part was seen instead.
        seeds: pre-trainings that the draws share.
    """
    seed = int(draw.setting.get("pretraining", draw.index % seeds))
    if source:
        return pretrained(recipe, SETUPS[source], pool_of(source), seed)
    return pretrained(recipe, setup, unlabelled_pool(draw), seed)


def start(
    draw: Draw,
    *,
    setup: Setup,
    recipe: Recipe | None,
    source: str = "",
    seeds: int = SEEDS,
    part: Sequence[str] = (),
) -> tuple[UNet, tuple[str, ...], Mapping[str, float]]:
    """The network of a draw with pre-trained weights, which tensors those are, and facts of the pre-training.

    Args:
        draw, setup, source, seeds: see `checkpoint_of`.
        recipe: None leaves the random weights of the draw.
        part: modules that take pre-trained weights; all that were trained by default.
    """
    net = draw.module(partial(network, setup, draw.n_classes))
    if recipe is None:
        return net, (), {}
    found = checkpoint_of(draw, setup=setup, recipe=recipe, source=source, seeds=seeds)
    report = load_pretrained(net, found.folder, only=part or None)
    return net, report.pretrained, found.facts


def tuned(
    draw: Draw,
    *,
    setup: Setup,
    recipe: Recipe | None = None,
    source: str = "",
    seeds: int = SEEDS,
    part: Sequence[str] = (),
    factor: float = 1.0,
    frozen: float = 0.0,
    first: int = 0,
    training: Mapping[str, Any] | None = None,
) -> Tuning:
    """A network that is to be trained on the labelled images of a draw.

    Args:
        draw, setup, recipe, source, seeds, part: see `start`.
        factor: of the rate of pre-trained tensors.
        frozen: share of the updates in which they stand still.
        first: so many updates on the labelled images are done before, in a cycle of their own: what a
            pre-training costs, spent on labels.
        training: options of the Trainer for these.
    """
    net, old, facts = start(draw, setup=setup, recipe=recipe, source=source, seeds=seeds, part=part)
    method = Tuning(net, losses(setup, draw.n_classes), pretrained=old, factor=factor, frozen=frozen)
    begin = process_time()
    if first:
        trainer = Trainer(
            Tuning(net, losses(setup, draw.n_classes)), iterations=first, seed=draw.seed("first"),
            accelerator="cpu", logger=None, progress=False, **(training or {}),
        )  # fmt: skip
        trainer.fit(labelled_images(draw, setup=setup, purpose="first batches"))
    method.cost = {"pretraining_s": facts.get("cpu_s", process_time() - begin if first else 0.0)}
    return method


def costs(draw: Draw, method: Method) -> Extra:
    """Seconds of processor time that the weights had cost before, the same for every case."""
    assert isinstance(method, Tuning)
    return partial(constant, values=dict(method.cost))


def constant(case: Case, prediction: Tensor, *, values: Mapping[str, float]) -> dict[str, list[float]]:
    """The same numbers for every structure of every case."""
    return {name: [value] * (case.n_classes - 1) for name, value in values.items()}
