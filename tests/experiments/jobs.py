"""Jobs that a new process can import."""

from __future__ import annotations

import os
from pathlib import Path
from time import sleep
from typing import Any

import torch

from segkit.errors import ConfigError


def total(shared: dict[str, Any], job: float) -> tuple[float, int, int]:
    """The sum of a shared tensor plus the job, who computed it, and with how many threads."""
    return float(shared["tensor"].sum()) + job, os.getpid(), torch.get_num_threads()


def troubled(shared: dict[str, Any], job: str) -> str:
    """Fails in the way that the job names."""
    if job == "ours":
        raise ConfigError("no such arm")
    if job == "theirs":
        raise ZeroDivisionError("a mistake of the code")
    if job == "dies":
        os._exit(9)
    return job


def marks(shared: dict[str, Any], job: int) -> int:
    """Leaves a file for every job that was finished; all but the first take long."""
    if job:
        sleep(5)
    (Path(shared["folder"]) / str(job)).touch()
    return job
