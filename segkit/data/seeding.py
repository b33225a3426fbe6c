"""A seed for every row of a batch, so that what is drawn for a sample belongs to that sample."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from segkit.data.streams import Batches, TwoStreamBatches

SEED = "seed"
"""Key of the seeds in a batch, int64 `(B,)`; those of unlabelled rows have the prefix of these."""

UNLABELLED = TwoStreamBatches.prefix


class SeededBatches:
    """Batches with a seed for every row: a function of (seed, iteration, row), however rows are shared out.

    Args:
        batches: what is given seeds; of two streams, each gets its own.
        seed: 0 or more.

    Example:
        >>> from segkit.data import PatchBatches, phantoms
        >>> plain = PatchBatches(phantoms("hippocampus", 1), patch=(8, 8, 8), batch_size=2, seed=0)
        >>> seeded = SeededBatches(plain, seed=0)
        >>> bool(seeded[3]["seed"][1] == seeded.part(3, 1, 2)["seed"][0])
        True
    """

    def __init__(self, batches: Batches, *, seed: int) -> None:
        self.batches, self.seed, self.batch_size = batches, seed, batches.batch_size

    def __getitem__(self, iteration: int, /) -> dict[str, Tensor]:
        """The batch of one iteration, with its seeds."""
        return self.part(iteration, 0, 1)

    def part(self, iteration: int, rank: int, world_size: int) -> dict[str, Tensor]:
        """One process's rows of a batch, with their seeds."""
        batch = self.batches.part(iteration, rank, world_size)
        for stream, prefix in enumerate(("", UNLABELLED)):
            if f"{prefix}image" in batch:
                rows = len(batch[f"{prefix}image"]) * world_size
                drawn = np.random.SeedSequence((self.seed, iteration, stream)).generate_state(rows, np.uint64)
                seeds = (drawn >> np.uint64(1)).astype(np.int64)[rank::world_size].copy()
                batch = {**batch, f"{prefix}{SEED}": torch.from_numpy(seeds)}
        return batch
