"""What other training patients know: occurrence maps beside the image, a template without learning."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from segkit.data import Case, WholeBatches
from segkit.data.slicing import in_slices
from segkit.experiments.draw import Draw
from segkit.experiments.plans._mask_prior import (
    Setup,
    batches_of,
    losses,
    network,
    separate,
    training_batches,
)
from segkit.mask_prior import MaskPrior, OccurrenceMaps, with_maps
from segkit.train import Batch, State, Supervised


class OccurrencePrior(MaskPrior):
    """Image and occurrence map: a training patient's map is made without it, any other's of all of them."""

    def __init__(self, *args: Any, maps: OccurrenceMaps, **options: Any) -> None:
        super().__init__(*args, **options)
        self.map = for_anybody(maps.for_case, maps)

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities of images with any maps behind them, or of volumes slice by slice."""
        flat = image.ndim == self.map.ndim + 1
        return self._predict(image) if flat else in_slices(self._predict, image)

    def _predict(self, image: Tensor) -> Tensor:
        prior = self.map.to(image).expand(len(image), *self.map.shape)
        return self.probabilities(self.joined(image[:, :1], prior))


def with_occurrence(draw: Draw, *, setup: Setup) -> MaskPrior:
    """A network that sees the image and the occurrence map of every structure."""
    planes = setup.planes([separate(case, setup, ()) for case in draw.train])
    width = draw.n_classes - 1
    return OccurrencePrior(
        network(draw, setup, 1 + width),
        losses(setup, draw.n_classes),
        channels={"occurrence": width},
        maps=OccurrenceMaps(planes),
    )


def occurrence_batches(draw: Draw, *, setup: Setup) -> WholeBatches:
    """Training images with their occurrence maps."""
    planes = setup.planes([separate(case, setup, ()) for case in draw.train])
    maps = OccurrenceMaps(planes)
    return batches_of(
        [with_maps(p, occurrence=maps.for_case(p)) for p in planes], draw, setup, ("occurrence",)
    )


def for_anybody(find: Callable[[Case], Tensor], maps: OccurrenceMaps) -> Tensor:
    """What occurrence maps say of a patient who is not among theirs."""
    return find(maps.first.with_(id="anybody", group="anybody"))


class Template(Supervised):
    """No learning: the structure that lay here most often in the training patients."""

    def __init__(self, maps: OccurrenceMaps) -> None:
        super().__init__(nn.Linear(1, 1), nn.Identity())
        threshold = maps.best_threshold()
        found = for_anybody(partial(maps.template, threshold=threshold), maps)
        self.template = one_hot(found, len(maps.first.classes)).movedim(-1, 0).float()

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """Nothing is learnt."""
        return {"total": torch.stack([p.sum() * 0 for p in self.net.parameters()]).sum()}

    def predict(self, image: Tensor) -> Tensor:
        """The template, for images (B, C, *S) or volumes whose slices share it."""
        once = self.template if image.ndim == self.template.ndim + 1 else self.template[:, None]
        return once.to(image.device).expand(len(image), -1, *image.shape[2:])


def template(draw: Draw, *, setup: Setup) -> Template:
    """The template of a draw's patients, its threshold the best for them, each without its own."""
    return Template(OccurrenceMaps(setup.planes([separate(case, setup, ()) for case in draw.train])))


class OneBatch:
    """The first batch again and again, for what does not learn."""

    def __init__(self, batches: WholeBatches) -> None:
        self.batch_size, self.batch = batches.batch_size, batches[0]

    def __getitem__(self, iteration: int, /) -> dict[str, Tensor]:
        """The batch."""
        return self.batch

    def part(self, iteration: int, rank: int, world_size: int) -> dict[str, Tensor]:
        """Rows of it."""
        return {key: value[rank::world_size] for key, value in self.batch.items()}


def one_batch(draw: Draw, *, setup: Setup) -> OneBatch:
    """The first batch of a draw."""
    return OneBatch(training_batches(draw, setup=setup))
