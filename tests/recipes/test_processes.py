"""Several processes and machines: the same losses as one, and one sentence where one does not come."""

from __future__ import annotations

import json
import subprocess

import pytest

from segkit.train import latest_checkpoint
from tests.recipes.conftest import SMALL
from tests.recipes.programs import COMMAND, TORCHRUN, finish, free_port, start, words

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FIVE = [
    *SMALL,
    "training.iterations=5",
    "training.batch_size=4",
    # In half precision a sum over half a batch is rounded otherwise; AdamW divides small gradients by their
    # own size, so that what was rounded otherwise becomes visible.
    "training.precision=32-true",
    "training.optimizer=sgd",
    "training.momentum=0.9",
    # A turned patch has corners that nobody labelled. The mean over labelled voxels of a process is then not
    # that of the batch, and the mean of the processes' means is another, if hardly so.
    "augmentation.spatial=0.0",
    "augmentation.noise=1.0",
    "augmentation.gamma=1.0",
]


def losses(folder):
    rows = json.loads((latest_checkpoint(folder) / "history.json").read_text())["rows"]
    return [row["total"] for row in rows]


def done(process):
    status, out, error = finish(process)
    assert status == 0, out + error
    return out, error


@pytest.fixture(scope="module")
def alone(volumes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone") / "run"
    done(start([*COMMAND, *words(volumes, folder, FIVE, "--logger", "none")]))
    return folder


@pytest.mark.parametrize("launcher", ["ours", "torchrun"])
def test_two_processes_equal_one(alone, volumes, tmp_path, launcher):
    """Augmentation included: what becomes of a sample depends on its seed, not on its process."""
    folder = tmp_path / "run"
    command = (
        COMMAND if launcher == "ours" else [*TORCHRUN, "--standalone", "--nproc_per_node=2", *COMMAND[1:]]
    )
    out, _ = done(start([*command, *words(volumes, folder, FIVE, "--devices", "2", "--logger", "none")]))
    assert out.count("supervised at scale toy") == 1
    assert json.loads((folder / "run.json").read_text())["trainings"]["supervised"]["processes"] == 2
    assert losses(folder) == pytest.approx(losses(alone), rel=1e-5)


def test_two_machines_equal_one(alone, volumes, tmp_path):
    """A rendezvous of two process groups, each as torchrun starts it on a machine of its own."""
    folder, port = tmp_path / "run", free_port()
    torchrun = [*TORCHRUN, "--nnodes=2", "--nproc_per_node=1", "--rdzv_backend=c10d", "--rdzv_id=segkit",
                f"--rdzv_endpoint=127.0.0.1:{port}", *COMMAND[1:]]  # fmt: skip
    command = [*torchrun, *words(volumes, folder, FIVE, "--num-nodes", "2", "--logger", "none")]
    nodes = [start(command), start(command)]
    for node in nodes:
        done(node)
    assert losses(folder) == pytest.approx(losses(alone), rel=1e-5)


def test_machines_that_are_named_by_their_rank(alone, volumes, tmp_path):
    """Without torchrun: MASTER_ADDR, MASTER_PORT and NODE_RANK, and the test part shared by both."""
    folder, port = tmp_path / "run", free_port()
    command = [*COMMAND, *words(volumes, folder, FIVE, "--num-nodes", "2", "--logger", "none")]
    command.remove("--no-test")
    nodes = [start(command, MASTER_ADDR="127.0.0.1", MASTER_PORT=port, NODE_RANK=rank) for rank in range(2)]
    for node in nodes:
        done(node)
    assert losses(folder) == pytest.approx(losses(alone), rel=1e-5)
    assert len(json.loads((folder / "test" / "results.json").read_text())["cases"]) == 2


def test_a_machine_that_never_arrives(volumes, tmp_path):
    options = ["--num-nodes", "2", "--timeout", "5", "--logger", "none"]
    node = start(
        [*COMMAND, *words(volumes, tmp_path / "run", FIVE, *options)],
        MASTER_ADDR="127.0.0.1", MASTER_PORT=free_port(), NODE_RANK=0,
    )  # fmt: skip
    try:
        status, _, error = finish(node, seconds=120)
    except subprocess.TimeoutExpired:
        node.kill()
        raise
    assert status == 2
    last = error.strip().splitlines()[-1]
    assert "did not all meet within 5 s: start the command on every machine" in last
    assert "Traceback" not in error
