from __future__ import annotations

import numpy as np

from segkit.bench import mask_prior as bench
from segkit.mask_prior import body_mask, torso_phantom


def test_times_are_rows():
    rows = bench.run(quick=True)
    assert [row["peer"] for row in rows] == [
        "limit",
        "limit",
        "scikit-image",
        "distance computed in the step",
        "image alone",
        "image alone",
    ]
    assert all(row["ratio"] == row["ours_ms"] / row["peer_ms"] > 0 for row in rows)
    assert rows[0]["peer_ms"] == 5000 and rows[0]["peer_peak_mb"] == 6 * 4 * 30 * 64 * 64 / 2**20
    assert rows[1]["peer_ms"] == 1000 and rows[-1]["target"] == 1.03


def test_the_peer_computes_the_same_mask():
    case = torso_phantom((12, 60, 84), (9.0, 5.0, 5.0), tube=True)
    # Its distance transform counts what lies beyond the image as background, and only there they may differ.
    ours, theirs = body_mask(case).voxels.numpy(), bench.body_by_distances(case)
    assert np.mean(ours[2:-2] == theirs[2:-2]) > 0.995
