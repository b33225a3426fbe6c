from __future__ import annotations

from segkit.bench import data as bench


def test_times_are_rows():
    rows = bench.run(quick=True)
    assert len(rows) == 6
    assert len({(row["operation"], row["size"]) for row in rows}) == 6
    assert all(row["ratio"] == row["ours_ms"] / row["peer_ms"] > 0 for row in rows)
