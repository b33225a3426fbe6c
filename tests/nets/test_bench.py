from __future__ import annotations

from segkit.bench import nets as bench


def test_times_are_rows():
    rows = bench.run(quick=True)
    assert len(rows) == 6
    assert all(row["ratio"] == row["ours_ms"] / row["peer_ms"] > 0 for row in rows)
    assert len({row["operation"] for row in rows}) == 6
