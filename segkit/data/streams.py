"""Labelled and unlabelled images side by side in one batch."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from segkit.errors import ConfigError


class Batches(Protocol):
    """Batches by number, of a known size, that can be made in parts."""

    batch_size: int

    def __getitem__(self, iteration: int, /) -> dict[str, Tensor]:
        """The batch of one iteration."""
        ...

    def part(self, iteration: int, rank: int, world_size: int) -> dict[str, Tensor]:
        """Every `world_size`-th row of it, from row `rank` on."""
        ...


class TwoStreamBatches:
    """Batches of two streams: the keys of the second come prefixed with `unlabelled_`.

    Each stream keeps its own order, seed and batch size, so that the few labelled cases come round more often
    than the many unlabelled ones.

    Args:
        labelled: batches with a "label".
        unlabelled: batches of images. If they hold labels too (to watch the training), these arrive as
            `unlabelled_label`, which no method may learn from.

    Raises:
        ConfigError: if the two cannot fill a batch: one of them is empty, the first has no labels, or both
            give the same key.

    Example:
        >>> from segkit.data import PatchBatches, phantoms
        >>> cases = phantoms("hippocampus", 4)
        >>> few = PatchBatches(cases[:1], patch=(16, 16, 16), batch_size=1, seed=0)
        >>> many = PatchBatches(cases[1:], patch=(16, 16, 16), batch_size=3, seed=1, keys=("image",))
        >>> batch = TwoStreamBatches(few, many)[0]
        >>> sorted(batch), len(batch["unlabelled_image"])
        (['image', 'label', 'unlabelled_image'], 3)
    """

    prefix = "unlabelled_"

    def __init__(self, labelled: Batches, unlabelled: Batches) -> None:
        self.labelled, self.unlabelled = labelled, unlabelled
        self.batch_size = labelled.batch_size + unlabelled.batch_size
        for name, stream in (("labelled", labelled), ("unlabelled", unlabelled)):
            if stream.batch_size < 1:
                raise ConfigError(f"the {name} stream gives no rows, so it cannot fill its part of a batch")
        first, second = labelled[0], unlabelled[0]
        if "label" not in first:
            raise ConfigError(
                f"the labelled stream has no 'label' among its keys {sorted(first)}: are the two swapped?"
            )
        if clash := first.keys() & {self.prefix + key for key in second}:
            raise ConfigError(f"both streams give {sorted(clash)}: rename these maps in the labelled stream")

    def __getitem__(self, iteration: int, /) -> dict[str, Tensor]:
        """Both batches of one iteration in one dictionary."""
        return self._merge(self.labelled[iteration], self.unlabelled[iteration])

    def part(self, iteration: int, rank: int, world_size: int) -> dict[str, Tensor]:
        """One process's rows of both.

        Raises:
            ConfigError: if one of them cannot be shared evenly.
        """
        return self._merge(
            self.labelled.part(iteration, rank, world_size), self.unlabelled.part(iteration, rank, world_size)
        )

    def _merge(self, first: dict[str, Tensor], second: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**first, **{self.prefix + key: value for key, value in second.items()}}
