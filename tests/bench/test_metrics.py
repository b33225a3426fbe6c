from __future__ import annotations

from segkit.bench import metrics


def test_each_peer_has_a_row_beside_ours():
    rows = metrics.run(quick=True)
    assert [row["peer"] for row in rows] == ["monai", "surface-distance", "scipy"]
    assert all(row["ours_ms"] > 0 and row["peer_ms"] > 0 for row in rows)
