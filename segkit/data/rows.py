"""What all batches by number have in common: rows that can be made one by one, in any process."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.errors import ConfigError


class RowBatches:
    """Batches by number, row by row: a resumed run sees what an uninterrupted one would see.

    A subclass sets the two attributes and says in `_row` what a row is: a function of (seed, iteration, row)
    alone, with tensors of one shape in every row.

    Attributes:
        batch_size: rows per batch.
        seed: 0 or more.

    Example:
        >>> class Noise(RowBatches):
        ...     batch_size, seed = 4, 0
        ...
        ...     def _row(self, iteration, row):
        ...         return {"image": torch.from_numpy(self._random(iteration, row).random(3))}
        >>> whole, part = Noise()[7], Noise().part(7, rank=1, world_size=2)
        >>> bool((whole["image"][1::2] == part["image"]).all())
        True
    """

    batch_size: int
    seed: int

    def __getitem__(self, iteration: int, /) -> dict[str, Tensor]:
        """The batch of one iteration, every tensor of a row with B in front."""
        return self.part(iteration, 0, 1)

    def part(self, iteration: int, rank: int, world_size: int) -> dict[str, Tensor]:
        """Rows `rank, rank + world_size, …` of a batch, made without the others, for one of many processes.

        Raises:
            ConfigError: if the batch cannot be shared evenly.
        """
        if self.batch_size % world_size:
            raise ConfigError(
                f"a batch of {self.batch_size} cannot be shared evenly by {world_size} processes: choose a "
                f"batch size that {world_size} divides"
            )
        rows = [self._row(iteration, row) for row in range(rank, self.batch_size, world_size)]
        return {key: torch.stack([row[key] for row in rows]) for key in rows[0]}

    def _row(self, iteration: int, row: int) -> dict[str, Tensor]:
        raise NotImplementedError(f"{type(self).__name__} does not define _row()")

    def _which(self, n: int, iteration: int, row: int) -> int:
        """The case of a row: n of them in random order, each once before any comes again."""
        turn, place = divmod(iteration * self.batch_size + row, n)
        return int(order(n, self.seed, turn)[place])

    def _random(self, iteration: int, row: int) -> np.random.Generator:
        """A row's own random numbers."""
        # Row 0 would be the stream of the order: NumPy takes (a, b) and (a, b, 0) for the same seed.
        return np.random.default_rng((self.seed, iteration, row + 1))


@lru_cache(maxsize=64)
def order(n: int, seed: int, turn: int) -> NDArray[np.int64]:
    """The order in which n cases come in one pass over all of them."""
    return np.random.default_rng((seed, turn)).permutation(n)
