"""A run that is killed with SIGKILL and resumed ends with the weights of one that was not, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from segkit.train import latest_checkpoint
from segkit.train.tensors import read_tensors

PROGRAM = Path(__file__).with_name("forked_runs.py")


class Runs:
    """Starts runs in folders, and kills them."""

    def __init__(self, process):
        self.process = process

    def start(self, folder):
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def status(self):
        return int(self.process.stdout.readline())

    def finish(self, folder):
        """Let a run come to its end; the seconds it took."""
        before = time.perf_counter()
        self.start(folder)
        assert self.status() == 0
        return time.perf_counter() - before

    def kill(self, folder, after):
        """Kill a run after some seconds. Whether it was still running."""
        process = self.start(folder)
        time.sleep(after)
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            assert self.status() == 0
            return False
        return self.status() == signal.SIGKILL


@pytest.fixture(scope="module")
def runs():
    with subprocess.Popen(
        [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Runs(process)
        process.stdin.close()


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
    moments = random.Random(0)
    kills, attempt, after_a_save = 0, 0, 0
    while kills < 10:
        folder = tmp_path / f"run{attempt}"
        if runs.kill(folder, moments.uniform(0, seconds / 5)):
            kills += 1
            after_a_save += latest_checkpoint(folder) is not None
        else:  # it came to its end before it was killed: a new one
            ends_alike(folder, reference)
            attempt += 1
    assert after_a_save > 3
    runs.finish(folder)
    ends_alike(folder, reference)
