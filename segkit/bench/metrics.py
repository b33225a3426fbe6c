"""Distances between surfaces, and exact tests over draws, beside other libraries."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import torch
from monai.metrics import compute_hausdorff_distance
from numpy.typing import NDArray
from scipy import stats

from segkit.bench.timing import Row, bench_row, compare
from segkit.data import phantom
from segkit.evaluate import hd95_mm
from segkit.evaluate.statistics import permutation_test

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # surface-distance uses names that SciPy is giving up
    import surface_distance

Mask = NDArray[np.bool_]


def run(*, quick: bool) -> list[Row]:
    """HD95 of one structure against its shifted self, and a permutation test over draws."""
    rows = []
    for kind in ("hippocampus",) if quick else ("hippocampus", "ct_head_neck"):
        case = phantom(kind, 0)
        assert case.label is not None
        truth = (case.label > 0).numpy()
        moved = np.roll(truth, (1, 2, 1), axis=(0, 1, 2))
        ours = partial(hd95_mm, moved, truth, spacing_mm=case.spacing_mm)
        for peer, hd95 in (("monai", _monai), ("surface-distance", _surface_distance)):
            theirs = partial(hd95, moved, truth, case.spacing_mm)
            timings = compare({"ours": ours, "peer": theirs}, repeats=3 if quick else 15)
            size = " × ".join(map(str, truth.shape))
            rows.append(bench_row(timings, operation="HD95 of a structure", size=size, peer=peer, target=1.0))

    draws = np.random.default_rng(0).normal(size=8 if quick else 14)
    everything = {"permutation_type": "samples", "n_resamples": np.inf}
    timings = compare(
        {
            "ours": partial(permutation_test, draws),
            "peer": partial(stats.permutation_test, (draws,), np.mean, **everything),
        },
        repeats=3,
        warm_up=1,
    )
    size = f"{draws.size} draws"
    rows.append(bench_row(timings, operation="exact permutation test", size=size, peer="scipy", target=1.0))
    return rows


def _monai(p: Mask, t: Mask, spacing: tuple[float, ...]) -> torch.Tensor:
    y_pred, y = (torch.from_numpy(mask)[None, None] for mask in (p, t))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compute_hausdorff_distance(y_pred, y, include_background=True, percentile=95, spacing=spacing)


def _surface_distance(p: Mask, t: Mask, spacing: tuple[float, ...]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distances = surface_distance.compute_surface_distances(t, p, spacing)
    return float(surface_distance.compute_robust_hausdorff(distances, 95))
