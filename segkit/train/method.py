"""What an idea is to the Trainer: a step that returns named loss terms, and a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

Batch = dict[str, Tensor]
"""`image` (B, C, *S) float32; `label` (B, *S) int64; more by agreement (`valid`, `unlabelled_image`)."""


class Batches(Protocol):
    """A run's batches by number: functions of (seed, number), so that resuming needs no loader state."""

    def __getitem__(self, iteration: int, /) -> Batch:
        """The batch of update `iteration`, from 0; the same each time it is asked for."""
        ...


@dataclass
class State:
    """Where a training run stands. Ramp-ups and schedules are pure functions of it.

    Attributes:
        iteration: updates done so far; 0 in the first step.
        iterations: updates planned in all.
        generator: the step's own random numbers; a function of (seed, iteration, rank), so that a resumed run
            draws what an uninterrupted one drew. It lives on the device of the batch.
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

    A method holds its networks as sub-modules. The Trainer calls `step` under the run's precision,
    back-propagates `terms["total"]`, and logs every other term. Nothing else distinguishes one kind of
    training from another.

    Everything that a run must find again when it resumes is a parameter or a buffer: `state_dict` is what a
    checkpoint holds.

    Attributes:
        network: name of the sub-module that predicts; its weights are what `load_checkpoint` hands out.
    """

    network: ClassVar[str] = "net"

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """Loss terms of one batch, scalars; `total` is what is minimised."""
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    def forward(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The step, called as a module: autocast and the hooks of DDP act on `forward` alone."""
        return self.step(batch, state)

    def after_update(self, state: State) -> None:
        """Called once after each optimiser update (moving averages, queues)."""

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, *S) of images (B, C, *S)."""
        raise NotImplementedError(f"{type(self).__name__} does not define predict()")
