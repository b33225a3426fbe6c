"""Runs of a recipe in processes of their own: started, killed, resumed, joined over a network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "segkit", "train", "supervised"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def environment(**more):
    """One thread per process, and no trace of the cluster that the tests may run on."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "MASTER_"))}
    return {
        **kept,
        "OMP_NUM_THREADS": "1",
        "SCALE": "toy",
        **{name: str(value) for name, value in more.items()},
    }


def words(data, folder, settings, *options):
    """Arguments of a short run without its test part."""
    return [
        "--out",
        str(folder),
        "--accelerator",
        "cpu",
        "--no-test",
        *options,
        "--set",
        f"data.name={data}",
        *settings,
    ]


def start(command, **more):
    """A process whose output is kept."""
    return subprocess.Popen(
        list(map(str, command)), env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def finish(process, seconds=850):
    """Its exit status, output and errors."""
    out, error = process.communicate(timeout=seconds)
    return process.returncode, out, error


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
