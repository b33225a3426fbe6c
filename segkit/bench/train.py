"""Seconds until a 3-D U-Net has Dice 0.85 on `hippocampus`, beside a pipeline of MONAI's parts.

Both sides read the same files and train the same network with AdamW on patches of one size. What differs is
the pipeline. Ours keeps z-scored tensors in memory, lays weights out channels-last, and convolves in bfloat16
where the processor has it. The peer is what MONAI's tutorials build: `CacheDataset` and `DataLoader` with
dictionary transforms, `DiceCELoss`, a float32 loop. It runs twice: with our schedule for as many updates, and
with a constant learning rate until the validation part has Dice 0.85 at two looks in a row, 20 updates apart
(at a constant rate Dice goes up and down: after a single look the test part was still below 0.85).

Everything was chosen on the validation part; the test part is printed.

Further rows are of the throughput of the supervised recipe: see `segkit.bench._throughput`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel

from segkit.bench._hippocampus import (
    BATCH,
    NETWORK,
    PATCH,
    UPDATES,
    Files,
    Predictor,
    Trained,
    mean_dice,
    quick_hippocampus,
    read_cases,
)
from segkit.bench._monai_pipeline import monai_pipeline
from segkit.bench._throughput import throughput_rows
from segkit.bench.timing import Row, Timing, bench_row
from segkit.data import Case, describe, load_split, locate, phantoms, prepare
from segkit.experiments.memory import peak_memory
from segkit.nets import UNet, count_parameters

TARGET_DICE, TARGET_RATIO, MOST_UPDATES, REPEATS = 0.85, 0.5, 600, 3


def run(*, quick: bool) -> list[Row]:
    """Rows: until Dice 0.85; the same number of updates; reading and preparing; throughput.

    `quick` runs on phantoms; the throughput is always that on phantoms.
    """
    throughput = throughput_rows(quick=quick)
    if not quick:
        parts = [hippocampus_files(part) for part in ("train", "validation", "test")]
        return rows(*parts, updates=UPDATES, most=MOST_UPDATES, repeats=REPEATS) + throughput
    with TemporaryDirectory() as folder:
        files = phantom_files(Path(folder))
        return rows(files, files[:1], files[:1], updates=2, most=2, repeats=1) + throughput


def hippocampus_files(part: str) -> Files:
    """Image and label files of one part of the committed split.

    Raises:
        DataError: the set is not there and cannot be had.
    """
    root = locate("hippocampus") or prepare("hippocampus")
    groups = set(getattr(load_split("hippocampus"), part))
    sources = describe("hippocampus").find(root)
    return [(source.paths[0], source.paths[1]) for source in sources if source.group in groups]


def rows(train: Files, validation: Files, test: Files, *, updates: int, most: int, repeats: int) -> list[Row]:
    """Train by both pipelines, in turn, and compare.

    Args:
        train: files to train on.
        validation: files that say when the constant rate has reached 0.85.
        test: files whose Dice is printed.
        updates: of the quick recipe.
        most: at a constant rate.
        repeats: of the quick recipe and its peer.
    """
    looked_at, held_out = read_cases(validation), read_cases(test)
    ours: list[Trained] = []
    same: list[Trained] = []
    plain: list[Trained] = []
    for pipeline in (quick_hippocampus, monai_pipeline):  # what is imported and built once is not timed
        pipeline(train[:2], updates=2)
    peaks: dict[str, float | None] = {}
    for _ in range(repeats):  # in turn, so that a slow minute of the machine falls on all
        with peak_memory() as peak:
            ours.append(quick_hippocampus(train, updates=updates))
        peaks.setdefault("ours", peak.added_mb)
        with peak_memory() as peak:
            same.append(monai_pipeline(train, updates=updates))
        peaks.setdefault("peer", peak.added_mb)
        # The first run finds out how many updates it takes, the others repeat them.
        if plain:
            plain.append(monai_pipeline(train, updates=plain[0].updates, reached=lambda predict: False))
        else:
            plain.append(monai_pipeline(train, updates=most, reached=steadily_good(looked_at)))
    shape = " × ".join(map(str, (BATCH, *PATCH)))
    size = f"{count_parameters(UNet(**NETWORK)):,} parameters, {shape}"

    def row(
        operation: str, mine: Sequence[float], theirs: Sequence[float], peer: str, target: float | None = None
    ) -> Row:
        timings = {
            "ours": Timing(tuple(1e3 * seconds for seconds in mine), peaks["ours"]),
            "peer": Timing(tuple(1e3 * seconds for seconds in theirs), peaks["peer"]),
        }
        return bench_row(timings, operation=operation, size=size, peer=peer, target=target)

    def dice(trained: Trained) -> str:
        return f"{mean_dice(trained.predict, held_out):.3f}"

    mine = f"{updates} updates, test Dice {dice(ours[-1])}"
    return [
        row(
            f"files to Dice {TARGET_DICE}: {mine}",
            [each.seconds for each in ours],
            [each.seconds for each in plain],
            f"monai pipeline, constant rate: {plain[0].updates} updates, test Dice {dice(plain[0])}",
            TARGET_RATIO,
        ),
        row(
            f"files to trained network: {mine}",
            [each.seconds for each in ours],
            [each.seconds for each in same],
            f"monai pipeline, our schedule: test Dice {dice(same[-1])}",
        ),
        row(
            f"read and prepare {len(train)} cases",
            [each.prepare_seconds for each in ours],
            [each.prepare_seconds for each in same],
            "monai CacheDataset",
        ),
    ]


def steadily_good(cases: Sequence[Case]) -> Callable[[Predictor], bool]:
    """A question to a predictor that is answered with yes if Dice was 0.85 now and when last asked."""
    looks = [False]

    def reached(predict: Predictor) -> bool:
        looks.append(mean_dice(predict, cases) >= TARGET_DICE)
        return all(looks[-2:])

    return reached


def phantom_files(folder: Path) -> Files:
    """Two hippocampus phantoms, written to a folder as NIfTI files."""
    files = []
    for case in phantoms("hippocampus", 2):
        pair = folder / f"{case.id}_image.nii.gz", folder / f"{case.id}_label.nii.gz"
        assert case.label is not None  # phantoms know their truth
        for path, voxels in zip(
            pair, (case.image[0].numpy(), case.label.numpy().astype("uint8")), strict=True
        ):
            nibabel.save(nibabel.Nifti1Image(voxels, case.affine), path)
        files.append(pair)
    return files
