"""The bench of this room: its rows, and what it needs."""

from __future__ import annotations

import pytest

from segkit.bench import voxel_metric as bench
from segkit.bench.timing import Row
from segkit.commands.bench import bench_names


def test_rows_and_targets():
    assert "voxel_metric" in bench_names()
    rows = bench.run(quick=True)
    assert all(row.keys() == Row.__annotations__.keys() for row in rows)
    targets = {row["peer"]: row["target"] for row in rows}
    assert targets == {
        "one Gram matrix": 3.0,
        "pytorch-metric-learning, batch-hard": pytest.approx(1 / 3),
        "pytorch-metric-learning, contrastive": None,
        "pytorch-metric-learning, semi-hard": pytest.approx(1 / 300),
        "the plain U-Net's step": 1.1,
    }
    assert rows[-1]["size"] == "2 × 1 × 16 × 16 × 16"


def test_the_enumerating_miner_is_not_run_on_large_pools(monkeypatch):
    monkeypatch.setattr(bench, "ENUMERATED", 20)
    assert [row["peer"] for row in bench.loss_rows(24, quick=True)][-1].endswith("contrastive")
