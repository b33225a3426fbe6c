"""Which of several processes this is, before and after they have met; the first one alone speaks."""

from __future__ import annotations

import os
import sys

from torch import distributed


def rank() -> int:
    """Number of this process among all of the run, 0 for one alone."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank()
    told = (os.environ.get(name) for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"))
    return next((int(value) for value in told if value), 0)


def world_size() -> int:
    """How many processes have met."""
    met = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if met else 1


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if world_size() > 1:
        distributed.barrier()


def is_first() -> bool:
    """Whether this process is the one that speaks and writes what is common to all."""
    return rank() == 0


def say(text: str) -> None:
    """Print a line, once for all processes."""
    if is_first():
        print(text, flush=True)


def warn(text: str) -> None:
    """Print a line on standard error, once for all processes."""
    if is_first():
        print(text, file=sys.stderr, flush=True)
