"""Two processes that share a batch do what one process does with the whole of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from segkit.train import History, latest_checkpoint, load_checkpoint

PROGRAM = str(Path(__file__).with_name("shared_run.py"))
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


def train(folder, devices, launcher=()):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    command = [sys.executable, *launcher, PROGRAM, str(devices), str(folder)]
    subprocess.run(command, check=True, env=environment, timeout=120, capture_output=True)
    history = (latest_checkpoint(folder) / "history.json").read_text(encoding="utf-8")
    return load_checkpoint(folder), History.from_json(history)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return train(tmp_path_factory.mktemp("alone") / "run", 1)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [(), TORCHRUN], ids=["started by us", "started by torchrun"])
def test_two_processes_equal_one_big_batch(alone, tmp_path, launcher):
    one, history = alone
    two, shared_history = train(tmp_path / "run", 2, launcher)
    assert two.meta["processes"] == 2
    assert shared_history.column("validation.processes") == [2.0]
    assert shared_history.column("total") == pytest.approx(history.column("total"), abs=1e-6)
    for name, value in one.weights.items():
        torch.testing.assert_close(two.weights[name], value, rtol=1e-5, atol=1e-6)
