"""The rows on throughput, from probes that are made up, and one that is real."""

from __future__ import annotations

import pytest

from segkit.bench import _throughput
from segkit.bench.timing import Row
from segkit.errors import SegkitError


@pytest.fixture
def made_up(monkeypatch):
    """Two processes take 0.6 s, one takes 1 s, of which a tenth is waiting; a compiled network 0.8 s."""

    def probed(folder, scale, devices, pairs):
        seconds = 0.6 if devices == 2 else 0.8 if pairs else 1.0
        return {
            "parameters": 1000, "seconds_per_update": seconds, "wait_share": 0.1, "memory_mb": 100.0,
            "patch": [8, 8, 8], "batch_size": 4,
        }  # fmt: skip

    monkeypatch.setattr(_throughput, "probed", probed)
    monkeypatch.setattr(_throughput, "prepare_list", lambda *args, **options: None)


def test_rows(made_up):
    waiting, shared, compiled = _throughput.throughput_rows(quick=False)
    assert waiting.keys() == Row.__annotations__.keys()
    assert waiting["ratio"] == pytest.approx(1 / 0.9)
    assert waiting["target"] == pytest.approx(1 / 0.95)
    assert waiting["size"] == "1,000 parameters, 4 × 8 × 8 × 8, 4 samples/s"
    assert shared["ratio"] == pytest.approx(0.6)
    assert compiled["ratio"] == pytest.approx(0.8)
    assert len(_throughput.throughput_rows(quick=True)) == 2


def test_a_probe_that_fails_is_named(tmp_path):
    with pytest.raises(SegkitError, match="a probe of the throughput failed"):
        _throughput.probed(tmp_path, "toy", 1, ["training.ler=1"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_real_probe_of_two_processes(tmp_path):
    rows = _throughput.throughput_rows(quick=True)
    assert [row["ours_ms"] > 0 for row in rows] == [True, True]
