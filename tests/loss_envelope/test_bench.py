from __future__ import annotations

import pytest
import torch

from segkit.bench import loss_envelope as bench
from segkit.commands.bench import bench_names


@pytest.fixture(scope="module")
def rows():
    return bench.run(quick=True)


def test_the_command_finds_it():
    assert "loss_envelope" in bench_names()


def test_every_setting_is_timed_beside_cross_entropy(rows):
    plain = {row["operation"]: row for row in rows if row["peer"] == "torch cross_entropy"}
    assert {f"envelope, {name}" for name in bench.ENVELOPES} <= plain.keys()
    assert all(plain[f"envelope, {name}"]["target"] == 2.0 for name in bench.ENVELOPES)
    assert all(row["ratio"] == row["ours_ms"] / row["peer_ms"] for row in plain.values())


def test_growth_is_that_of_the_time_per_voxel(rows):
    small, large = (next(row for row in rows if row["operation"] == f"envelope at {n}³") for n in (8, 12))
    growth = next(row for row in rows if row["operation"] == "envelope, growth to 12³")
    assert growth["peer"] == "3.375 times 8³"
    assert growth["ratio"] == pytest.approx(large["ours_ms"] / (3.375 * small["ours_ms"]))


def test_memory_is_counted_in_maps_of_the_losses(rows):
    row = rows[-1]
    assert row["peer"] == "one map of the losses"
    assert row["peer_peak_mb"] == pytest.approx(4 * 12**3 * 4 / 2**20)
    assert row["ratio"] == pytest.approx(row["ours_peak_mb"] / row["peer_peak_mb"])


def test_the_sort_is_the_envelope():
    logits, labels = bench.batch(10)
    ours = bench.envelope(scope="image", temperature_image=0.0)
    found, wanted = ours(logits, labels), bench.by_sorting(logits, labels)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(torch.autograd.grad(found, logits)[0], torch.autograd.grad(wanted, logits)[0])


def test_the_batch_is_mostly_right_and_has_all_classes():
    logits, labels = bench.batch(16)
    assert labels.unique().tolist() == [0, 1, 2]
    assert 0.9 < (logits.argmax(1) == labels).float().mean() < 1
