"""What a training will cost, from a few updates of it: seconds, share of them waiting for data, memory.

Without a GPU an update at scale `full` can take minutes. There fewer rows of a batch and smaller patches are
worked through, and what was found is scaled up: the work of a convolution network grows with its voxels.
"""

from __future__ import annotations

import math
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from torch import Tensor

from segkit.data import Batches, Prefetch, PreparedBatches, TwoStreamBatches
from segkit.experiments.memory import peak_memory
from segkit.train import Trainer

if TYPE_CHECKING:
    from segkit.recipes.run import Run

UPDATES = 4
"""So many updates are timed, after one that is not."""

LIGHT = 2**18
"""On a CPU at most about so many voxels are worked through in an update of a probe."""

SLOW_S = 2.0
"""An update that took longer is not repeated: it counts, though it is the first."""

_LATE = 1_000_000
"""They are numbered from here, so that what starts late in a training has started."""


class TimedBatches:
    """Batches, and how long the loop has waited for them.

    Args:
        batches: what is asked.
        rows: one row of so many is given; 1 gives all.

    Attributes:
        seconds: so far.
    """

    def __init__(self, batches: Prefetch, *, rows: int = 1) -> None:
        self.batches, self.batch_size, self.rows, self.seconds = batches, batches.batch_size, rows, 0.0

    def __enter__(self) -> TimedBatches:
        return self

    def __exit__(self, *error: object) -> None:
        self.batches.close()

    def __getitem__(self, iteration: int, /) -> dict[str, Tensor]:
        """The batch of one iteration."""
        return self.part(iteration, 0, 1)

    def part(self, iteration: int, rank: int, world_size: int) -> dict[str, Tensor]:
        """One process's rows of it."""
        start = perf_counter()
        try:
            return self.batches.part(iteration, rank, world_size * self.rows)
        finally:
            self.seconds += perf_counter() - start


def lightened(run: Run) -> Run:
    """A dry run with patches that a CPU works through in seconds, the network being that of the real ones.

    Args:
        run: a dry run. On a GPU, or with few voxels in a batch, it comes back as it is.
    """
    full, training = run.geometry, run.settings.training
    if run.device.type != "cpu" or training.batch_size * math.prod(full.patch) <= LIGHT:
        return run
    total = [math.prod(stride[axis] for stride in full.strides) for axis in range(len(full.patch))]
    patch, least = (
        list(full.patch),
        4 if "pretraining" in run.settings.plain() else 2,
    )  # views have half of its sides
    while math.prod(patch) > LIGHT:
        # The coarsest level keeps two voxels along each axis: one alone cannot be normalised.
        able = [i for i, n in enumerate(patch) if n >= 2 * least * total[i]]
        if not able:
            break
        longest = max(able, key=lambda i: patch[i] / total[i])
        patch[longest] = patch[longest] // (2 * total[longest]) * total[longest]
    changes = {
        "training": {"patch": patch},
        "network": {"strides": [list(stride) for stride in full.strides]},
    }
    return replace(
        run, settings=run.settings.merged(changes), shrunk=math.prod(full.patch) / math.prod(patch)
    )


def rows_of(batches: Batches, run: Run) -> int:
    """One row of so many is enough for a probe: all rows count on a GPU, one per stream on a CPU."""
    inner = innermost(batches)
    sizes = [inner.batch_size]
    voxels = run.settings.training.batch_size * math.prod(run.geometry.patch)
    if run.device.type != "cpu" or (voxels <= LIGHT and run.shrunk == 1.0):
        return 1
    if isinstance(inner, TwoStreamBatches):
        sizes = [inner.labelled.batch_size, inner.unlabelled.batch_size]
    return max(1, math.gcd(*sizes) // run.machine.processes)


def innermost(batches: Any) -> Any:
    """The batches below those that add seeds or read ahead."""
    while hasattr(batches, "batches"):
        batches = batches.batches
    return batches


def factor_of(batches: Batches, run: Run, rows: int) -> float:
    """How much more work the real batch is: rows, and voxels of patches that `lightened` has made smaller."""
    inner = innermost(batches)
    one = inner.labelled if isinstance(inner, TwoStreamBatches) else inner
    return rows * (run.shrunk if isinstance(one, PreparedBatches) else 1.0)


def probe(trainer: Trainer, batches: TimedBatches, *, iterations: int, factor: float = 1.0) -> dict[str, Any]:
    """Do a few updates and say what the whole training would take.

    Args:
        trainer: without a folder; its method is trained a little.
        batches: of the training.
        iterations: of the whole training.
        factor: how much more work the batches of the training are.

    Returns:
        parameters, seconds_per_update, wait_share, memory_mb (peak of the process on a CPU, of torch's
        allocator on a GPU; None where the system does not tell), iterations, hours, checkpoint_mb, updates
        (how many were timed) and factor.
    """
    trainer.done, trainer.iterations = _LATE, _LATE + 1
    trainer.log_every = trainer.validate_every = trainer.run.every = _LATE
    before, waited, updates = 0.0, 0.0, 1
    with peak_memory(str(trainer.fabric.device)) as peak:
        trainer.fit(batches)
    if trainer.history.seconds < SLOW_S:
        before, waited, updates = trainer.history.seconds, batches.seconds, UPDATES
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
    memory = None if peak.total_mb is None else peak.total_mb + (factor - 1) * (peak.added_mb or 0.0)
    return {
        "parameters": sum(trained),
        "seconds_per_update": factor * seconds / updates,
        "wait_share": (batches.seconds - waited) / seconds,
        "memory_mb": memory,
        "iterations": iterations,
        "hours": iterations * factor * seconds / updates / 3600,
        "checkpoint_mb": (kept + moments + (kept if trainer.average is not None else 0)) / 2**20,
        "updates": updates,
        "factor": factor,
    }


def record_of(found: dict[str, Any], *, batch_size: int) -> str:
    """A probe in words."""
    memory = "unknown" if found["memory_mb"] is None else f"{found['memory_mb']:,.0f} MiB"
    return "\n".join(
        [
            f"{found['phase']}: {found['parameters']:,} parameters",
            _measured(found),
            f"    {found['seconds_per_update']:.3g} s per update, "
            f"{batch_size / found['seconds_per_update']:.3g} samples/s, "
            f"{found['wait_share']:.1%} of it waiting for data",
            f"    memory at most {memory}",
            f"  from this: {found['iterations']:,} updates in {found['hours']:.3g} h; "
            f"each checkpoint {found['checkpoint_mb']:.1f} MiB",
        ]
    )


def _measured(found: dict[str, Any]) -> str:
    if found["factor"] > 1:
        return (
            f"  scaled up ×{found['factor']:.3g} from {found['updates']} smaller update(s) on this machine's "
            "CPU, so a rough estimate:"
        )
    after = ", after one that was not counted" if found["updates"] > 1 else ""
    return f"  measured over {found['updates']} update(s) on this machine{after}:"
