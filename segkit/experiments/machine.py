"""Where a run record comes from: the commit, the libraries and the machine, without naming the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import segkit

_LIBRARIES = ("torch", "numpy", "scipy", "monai", "lightning-fabric")


@cache
def source_commit() -> dict[str, Any]:
    """`{"commit": …, "dirty": …}` of the checkout that holds `segkit`; both None outside of one.

    `dirty` says whether the library differs from the commit; what else lies in the tree cannot change a run.
    """
    folder = Path(segkit.__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--", "."))}
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}


@cache
def library_versions() -> dict[str, str]:
    """Versions of Python, of `segkit` and of what computes the numbers."""
    found = {"python": platform.python_version(), "segkit": segkit.__version__}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe_machine(device: str = "cpu") -> dict[str, Any]:
    """Model, cores, memory and threads of the machine, and its GPU if `device` is one; no host name."""
    machine: dict[str, Any] = {
        "system": platform.system(),
        "cpu": _cpu_model(),
        "cores": cpu_cores(),
        "threads": torch.get_num_threads(),
        "memory_gb": _memory_gb(),
        "gpu": None,
    }
    if torch.device(device).type == "cuda":
        machine["gpu"] = torch.cuda.get_device_name(device)
    return machine


def cpu_cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@cache
def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
