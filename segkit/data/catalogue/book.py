"""Sets of the book, prepared from the same files (ACDC stands with the sets of the chest)."""

from __future__ import annotations

from segkit.data.catalogue.full_set import FullSet, of_the_book
from segkit.data.readers import chaos, hc18, hippocampus, openkbp

SETS: tuple[FullSet, ...] = (
    of_the_book(
        hippocampus.DATASET,
        modality="mr",
        channels=("T1",),
        used_for="the first run of a recipe, and five folds beside published figures",
        gigabytes=0.03,
    ),
    of_the_book(
        openkbp.DATASET,
        modality="ct",
        channels=("CT",),
        used_for="voxel metrics in two stages, masks of the outline, local self-supervision",
        spacing_mm=(4.5, 4.5, 2.5),
    ),
    of_the_book(
        hc18.DATASET,
        modality="us",
        channels=("ultrasound",),
        used_for="coarse and refined consistency with 4 % of the labels",
        size=(384, 576),
    ),
    of_the_book(
        chaos.DATASET,
        modality="mr",
        channels=("T2-SPIR",),
        used_for="local self-supervision on thick slices",
    ),
)
