"""A run that is killed with SIGKILL and resumed ends with the weights of one that was not, bit for bit."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import torch

from segkit.train import latest_checkpoint
from segkit.train.tensors import read_tensors
from tests.helpers.forked import forked

PROGRAM = Path(__file__).with_name("forked_runs.py")


@pytest.fixture(scope="module")
def runs():
    with forked(PROGRAM) as found:
        yield found


@pytest.fixture(scope="module")
def whole(runs, tmp_path_factory):
    """An uninterrupted run: its folder, and about how long one takes."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, runs.finish(folder)


def ends_alike(one, other):
    for name in ("weights", "average", "optimizer", "rng"):
        mine, theirs = (
            read_tensors(latest_checkpoint(root) / f"{name}.safetensors") for root in (one, other)
        )
        assert mine.keys() == theirs.keys()
        for key, value in mine.items():
            assert torch.equal(value, theirs[key]), f"{name}: {key}"


def test_killed_once(runs, whole, tmp_path):
    folder = tmp_path / "run"
    process = runs.start(folder)
    while latest_checkpoint(folder) is None:
        time.sleep(0.001)
    os.kill(process, signal.SIGKILL)
    assert runs.status() == signal.SIGKILL
    assert latest_checkpoint(folder).name < latest_checkpoint(whole[0]).name
    runs.finish(folder)
    ends_alike(folder, whole[0])


@pytest.mark.slow
def test_killed_at_ten_random_moments(runs, whole, tmp_path):
    reference, seconds = whole
    last = runs.kill_often(tmp_path, seconds / 5, lambda folder: ends_alike(folder, reference))
    ends_alike(last, reference)
