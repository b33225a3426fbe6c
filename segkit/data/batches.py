"""Batches as pure functions of (seed, iteration).

Whatever chance decides about batch i is drawn from a generator seeded by (seed, i) or, for the order of
cases, by (seed, epoch). A run that resumes at update i therefore needs no state of its loader, and two
methods with one seed are trained on the very same batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.data.case import Case
from segkit.errors import ConfigError, DataError

Batch = dict[str, Tensor]
Augmentation = Callable[..., Batch]
"""`augment(batch, seed=(seed, iteration)) → batch`; see `segkit.data.Augment`."""


def turns(n_items: int, *, batch_size: int, seed: int, iteration: int) -> NDArray[np.int64]:
    """Which items make up a batch when all take turns, each epoch in a new order.

    Args:
        n_items: how many there are.
        batch_size: items in a batch; it may exceed `n_items`.
        seed: of the order.
        iteration: number of the batch, from 0.

    Returns:
        Shape `(batch_size,)`. Any `n_items` in a row that start an epoch are all different.

    Example:
        >>> [int(i) for it in range(3) for i in turns(4, batch_size=2, seed=0, iteration=it)][:4]
        [2, 0, 1, 3]
    """
    places = np.arange(iteration * batch_size, (iteration + 1) * batch_size)
    return np.array([_order(n_items, seed, int(p // n_items))[p % n_items] for p in places])


@lru_cache(maxsize=64)
def _order(n_items: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(n_items)


def maps_of(case: Case, keys: Sequence[str]) -> Batch:
    """The voxelwise tensors of a case by key: `image`, `label`, or what `case.meta` holds under that name.

    Raises:
        DataError: the case has no such map.
    """
    found: Batch = {}
    for key in keys:
        value: Any = {"image": case.image, "label": case.label}.get(key, case.meta.get(key))
        if value is None:
            raise DataError(f"case {case.id} has no {key!r}: leave it out of `keys`, or give every case one")
        found[key] = torch.as_tensor(value)
    return found


class WholeBatches:
    """Whole images, all of one shape.

    Args:
        cases: at least one; bring them to one shape with `crop_or_pad` or `resize` first.
        batch_size: images in a batch.
        seed: of the order, and of the augmentation.
        augment: applied to each batch.
        keys: what a batch holds: `image` (B, C, *S), `label` (B, *S), and maps in `case.meta`.

    Raises:
        ConfigError: no cases, or a batch size below 1.
        DataError: shapes differ, or a case lacks a map.

    Example:
        >>> from segkit.data import phantoms
        >>> batches = WholeBatches(phantoms("hippocampus", 3), batch_size=2, seed=0)
        >>> {name: tuple(value.shape) for name, value in batches[7].items()}
        {'image': (2, 1, 36, 50, 36), 'label': (2, 36, 50, 36)}
    """

    def __init__(
        self,
        cases: Sequence[Case],
        *,
        batch_size: int,
        seed: int,
        augment: Augmentation | None = None,
        keys: Sequence[str] = ("image", "label"),
    ) -> None:
        if not cases or batch_size < 1:
            raise ConfigError(
                f"batches need at least one case and a batch size of 1 or more, not {len(cases)} "
                f"and {batch_size}"
            )
        odd = next((case for case in cases if case.shape != cases[0].shape), None)
        if odd is not None:
            raise DataError(
                f"case {odd.id} has shape {odd.shape} and {cases[0].id} {cases[0].shape}: whole images share "
                "a batch only in one shape, use crop_or_pad or PatchBatches"
            )
        self.batch_size, self.seed, self.augment = batch_size, seed, augment
        maps = [maps_of(case, keys) for case in cases]
        self._stacked = {key: torch.stack([each[key] for each in maps]) for key in keys}
        self._n = len(cases)

    def __getitem__(self, iteration: int) -> Batch:
        chosen = torch.from_numpy(
            turns(self._n, batch_size=self.batch_size, seed=self.seed, iteration=iteration)
        )
        batch = {key: stacked[chosen] for key, stacked in self._stacked.items()}
        return batch if self.augment is None else self.augment(batch, seed=(self.seed, iteration))
