from __future__ import annotations

from segkit.bench import prepared as bench


def test_times_are_rows():
    rows = bench.run(quick=True)
    peers = [row["peer"] for row in rows]
    assert {"whole volume", "HDF5, gzip, chunks of 64", "in memory"} <= set(peers)
    assert all(row["ratio"] == row["ours_ms"] / row["peer_ms"] > 0 for row in rows)
