"""What a training will cost, from a few updates of it: seconds, share of them waiting for data, memory."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from torch import Tensor

from segkit.data import Prefetch
from segkit.experiments.memory import peak_memory
from segkit.train import Trainer

UPDATES = 4
"""So many updates are timed, after one that is not."""

_LATE = 1_000_000
"""They are numbered from here, so that what starts late in a training has started."""


class TimedBatches:
    """Batches, and how long the loop has waited for them.

    Attributes:
        seconds: so far.
    """

    def __init__(self, batches: Prefetch) -> None:
        self.batches, self.batch_size, self.seconds = batches, batches.batch_size, 0.0

    def __getitem__(self, iteration: int, /) -> dict[str, Tensor]:
        """The batch of one iteration."""
        return self.part(iteration, 0, 1)

    def part(self, iteration: int, rank: int, world_size: int) -> dict[str, Tensor]:
        """One process's rows of it."""
        start = perf_counter()
        try:
            return self.batches.part(iteration, rank, world_size)
        finally:
            self.seconds += perf_counter() - start


def probe(trainer: Trainer, batches: TimedBatches, *, iterations: int) -> dict[str, Any]:
    """Do a few updates and say what the whole training would take.

    Args:
        trainer: without a folder; its method is trained a little.
        batches: of the training.
        iterations: of the whole training.

    Returns:
        parameters, seconds_per_update, wait_share, memory_mb (peak of the process on a CPU, of torch's
        allocator on a GPU; None where the system does not tell), iterations, hours, checkpoint_mb.
    """
    trainer.done, trainer.iterations = _LATE, _LATE + 1
    trainer.log_every = trainer.validate_every = trainer.run.every = _LATE
    trainer.fit(batches)
    before, waited = trainer.history.seconds, batches.seconds
    trainer.iterations += UPDATES
    with peak_memory(str(trainer.fabric.device)) as peak:
        trainer.fit(batches)
    seconds = trainer.history.seconds - before
    trained = [value.numel() for value in trainer.method.parameters() if value.requires_grad]
    kept = sum(value.numel() * value.element_size() for value in trainer.method.state_dict().values())
    moments = sum(
        value.numel() * value.element_size()
        for entries in trainer.optimizer.state.values()
        for value in entries.values()
        if isinstance(value, Tensor)
    )
    return {
        "parameters": sum(trained),
        "seconds_per_update": seconds / UPDATES,
        "wait_share": (batches.seconds - waited) / seconds,
        "memory_mb": peak.total_mb,
        "iterations": iterations,
        "hours": iterations * seconds / UPDATES / 3600,
        "checkpoint_mb": (kept + moments + (kept if trainer.average is not None else 0)) / 2**20,
    }


def record_of(found: dict[str, Any], *, batch_size: int) -> str:
    """A probe in words."""
    memory = "unknown" if found["memory_mb"] is None else f"{found['memory_mb']:,.0f} MiB"
    return "\n".join(
        [
            f"{found['phase']}: {found['parameters']:,} parameters",
            f"  measured over {UPDATES} updates on this machine, after one that was not counted:",
            f"    {found['seconds_per_update']:.3g} s per update, "
            f"{batch_size / found['seconds_per_update']:.3g} samples/s, "
            f"{found['wait_share']:.1%} of it waiting for data",
            f"    memory at most {memory}",
            f"  from this: {found['iterations']:,} updates in {found['hours']:.3g} h; "
            f"each checkpoint {found['checkpoint_mb']:.1f} MiB",
        ]
    )
