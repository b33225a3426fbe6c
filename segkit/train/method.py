"""What an idea is to the Trainer: a step that returns named loss terms, and a prediction."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

Batch = dict[str, Tensor]
"""`image` (B, C, *S) float32; `label` (B, *S) int64; further keys by agreement (`valid`, `unlabelled`, `mask`)."""


@dataclass
class State:
    """Where a training run stands. Ramp-ups and schedules are pure functions of it.

    Attributes:
        iteration: updates done so far; 0 in the first step.
        iterations: updates planned in all.
        generator: the step's own random numbers; a function of (seed, iteration, rank), so that a resumed run
            draws what an uninterrupted one drew.
    """

    iteration: int
    iterations: int
    generator: torch.Generator

    @property
    def progress(self) -> float:
        """Share of the planned updates that is done, in [0, 1)."""
        return self.iteration / max(1, self.iterations)


class Method(nn.Module):
    """Base class of everything that can be trained: supervised, semi-supervised, self-supervised.

    A method holds its networks as sub-modules. The Trainer calls `step` under the run's precision, back-propagates
    `terms["total"]`, and logs every other term. Nothing else distinguishes one kind of training from another.
    """

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """Loss terms of one batch, scalars; `total` is what is minimised."""
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    def after_update(self, state: State) -> None:
        """Called once after each optimiser update (moving averages, queues)."""

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, *S) of images (B, C, *S)."""
        raise NotImplementedError(f"{type(self).__name__} does not define predict()")
