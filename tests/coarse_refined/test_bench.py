from __future__ import annotations

import pytest
import torch
from pytorch_metric_learning.losses import RankedListLoss as Peer

from segkit.bench import coarse_refined as bench
from segkit.coarse_refined import RankedListLoss
from segkit.commands.bench import bench_names


@pytest.fixture(scope="module")
def rows():
    return bench.run(quick=True)


def test_the_command_finds_it():
    assert "coarse_refined" in bench_names()


def test_the_list_loss_is_timed_beside_its_peer(rows):
    found = [row for row in rows if row["peer"] == bench.PEER]
    assert [row["size"] for row in found] == ["32 × 32", "64 × 32"]
    assert all(row["target"] == 0.2 for row in found)
    assert all(row["ratio"] == row["ours_ms"] / row["peer_ms"] for row in found)


def test_what_is_timed_is_equal():
    z, labels = bench.embeddings(256)
    # The peer adds 1e-5 for each of 256 pairs to denominators of about 100.
    peer = Peer(margin=0.4, Tn=5.0, alpha=1.2)(z, labels)
    assert RankedListLoss()(z, labels).item() == pytest.approx(peer.item(), rel=1e-4)


def test_the_ranked_losses_stand_beside_a_step(rows):
    found = [row for row in rows if row["peer"] == "coarse-refined step without it"]
    assert len(found) == 3
    assert [row["target"] for row in found] == [0.05, None, None]


def test_every_method_has_a_step(rows):
    named = {row["operation"].removeprefix("step: ") for row in rows if row["operation"].startswith("step: ")}
    assert named == bench.METHODS.keys() - {bench.PLAIN}


def test_the_batch_has_both_halves():
    batch = bench.images(32)
    assert batch["label"].unique().tolist() == [0, 1, 2]
    assert len(batch["image"]) == len(batch["unlabelled_image"]) == 4
    assert torch.equal(batch["label"][0], batch["label"][1])
