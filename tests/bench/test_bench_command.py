"""`segkit bench`: what it finds, what it prints, what it says when a peer is not installed."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import pytest

from segkit import bench, cli
from segkit.bench import Timing, bench_row
from segkit.commands.bench import bench_names


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A folder of benchmarks beside the real ones: `sums` works, `lonely` lacks its peer."""
    (tmp_path / "lonely.py").write_text("def run(*, quick):\n    import a_peer_that_is_missing\n")
    (tmp_path / "sums.py").write_text("")
    (tmp_path / "_helper.py").write_text("")
    monkeypatch.setattr(bench, "__path__", [str(tmp_path)])
    module = ModuleType("segkit.bench.sums")
    timings = {"ours": Timing((2.0,), 1.5), "peer": Timing((4.0,), None)}
    module.run = lambda *, quick: [
        bench_row(timings, operation="sum", size="small" if quick else "large", peer="numpy")
    ]
    monkeypatch.setitem(sys.modules, "segkit.bench.sums", module)


def test_names_are_the_modules_except_the_stop_watch(planted, capsys):
    assert bench_names() == ["lonely", "sums"]
    assert cli.main(["bench", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == ["lonely", "sums"]


def test_the_stop_watch_is_no_benchmark():
    assert "timing" not in bench_names()


def test_rows_are_printed_as_json_or_as_a_table(planted, capsys):
    assert cli.main(["bench", "sums", "--quick", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["size"], row["ratio"], row["peer_peak_mb"]) == ("small", 0.5, None)
    assert cli.main(["bench", "sums"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "operation"
    assert line.split() == ["sum", "large", "2", "numpy", "4", "0.5", "–", "1.5", "–"]


def test_a_missing_peer_is_named(planted, capsys):
    assert cli.main(["bench", "lonely"]) == 2
    assert "compares with 'a_peer_that_is_missing', which is missing" in capsys.readouterr().err
