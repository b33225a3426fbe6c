"""The stop-watch: fair order, honest medians, memory that is seen again in the same process."""

from __future__ import annotations

import gc
from time import sleep

import pytest
import torch

from segkit.bench import Timing, bench_row, compare
from segkit.errors import ConfigError


def test_every_operation_runs_as_often_and_takes_turns_to_be_first():
    calls: list[str] = []
    operations = {name: lambda name=name: calls.append(name) for name in ("ours", "peer")}
    timings = compare(operations, repeats=4, warm_up=1)
    warm = 2  # one warm-up and the call under the memory meter
    assert calls[: 2 * warm] == ["ours"] * warm + ["peer"] * warm
    assert calls[2 * warm :] == ["ours", "peer", "peer", "ours"] * 2
    assert [len(t.repeats_ms) for t in timings.values()] == [4, 4]


def test_the_median_ignores_one_slow_repeat_and_the_longer_operation_is_seen():
    assert Timing((1.0, 900.0, 3.0), None).ms == 3.0
    timings = compare({"ours": lambda: None, "peer": lambda: sleep(0.01)}, repeats=3)
    assert timings["ours"].ms < timings["peer"].ms
    assert timings["peer"].ms >= 10


def test_peak_memory_counts_what_each_operation_adds_whatever_ran_before():
    def hold(megabytes: int) -> None:
        block = torch.ones(megabytes, 2**18)  # MiB of float32
        del block

    timings = compare({"ours": lambda: hold(64), "peer": lambda: hold(192)}, repeats=1)
    assert timings["ours"].peak_mb == pytest.approx(64, abs=24)
    assert timings["peer"].peak_mb == pytest.approx(192, abs=24)


def test_the_garbage_collector_is_back_after_a_failure():
    def fail() -> None:
        if not gc.isenabled():
            raise ValueError("inside the clock")

    with pytest.raises(ValueError, match="inside the clock"):
        compare({"ours": fail}, repeats=1)
    assert gc.isenabled()


def test_nothing_to_time_is_refused():
    with pytest.raises(ConfigError, match="0 operations"):
        compare({})
    with pytest.raises(ConfigError, match="0 repeats"):
        compare({"ours": lambda: None}, repeats=0)


def test_a_row_has_the_keys_of_the_design_and_ratio_is_ours_over_peer():
    timings = {"ours": Timing((2.0,), 1.0), "peer": Timing((8.0,), None)}
    row = bench_row(timings, operation="add", size="3", peer="numpy", target=0.5)
    assert list(row) == [
        "operation", "size", "ours_ms", "peer", "peer_ms", "ratio", "target", "ours_peak_mb", "peer_peak_mb",
    ]  # fmt: skip
    assert row["ratio"] == 0.25
