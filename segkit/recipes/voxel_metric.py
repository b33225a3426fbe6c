"""Chapter 5 at full size: MetricUNet's two stages.

    segkit train voxel_metric --data openkbp --scale full --out runs/metric

Stage 1 segments whole images on a coarse grid and says where the structures are. Stage 2 segments a box about
them at full resolution; there, voxels at the contours are pulled together within a class and pushed apart
between classes. The crops of stage 2 are kept in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from segkit.data import BatchAugment, Case, PatchBatches, PreparedCase, resample
from segkit.evaluate import predict_labels
from segkit.losses import DiceCELoss
from segkit.recipes.crops import around, inside
from segkit.recipes.geometry import fit_geometry
from segkit.recipes.launching import main
from segkit.recipes.material import one_spacing
from segkit.recipes.measuring import Segmenter
from segkit.recipes.run import Run
from segkit.recipes.settings import Section
from segkit.train import Method, Supervised
from segkit.voxel_metric import (
    CropBatches,
    CropBox,
    MetricBranch,
    MetricUNet,
    VoxelSampler,
    band_width_mm,
    fit_box,
    load_two_stage,
    locate,
    save_two_stage,
)


def train(run: Run) -> None:
    """Train both stages, measure the pipeline on the test part."""
    spacing = one_spacing(run.data)
    coarse_mm = [max(step, run.settings.stage1.spacing_mm) for step in spacing]
    cases = run.whole("train")
    seen = [*cases, *run.whole("validation")]
    coarse = [resample(case.load(), coarse_mm) for case in seen]
    first = train_first(run, coarse[: len(cases)], coarse_mm)
    # On its own training cases stage 1 errs too little: the validation cases widen the box.
    box = fit_box(
        coarse,
        predicted=None if run.dry else [place(first, case, run) for case in coarse],
        margin_mm=run.settings.stage2.margin_mm,
    )
    train_second(run, cases, replace(box, spacing_mm=tuple(spacing), half_mm=inside(box, seen, spacing)))
    run.evaluate()


def train_first(run: Run, coarse: Sequence[Case], coarse_mm: Sequence[float]) -> Method:
    """Whole images on a coarse grid."""
    asked, size = run.settings.stage1, coarse[0].shape
    channels = list(asked.channels)
    patch, strides = fit_geometry(size, coarse_mm, voxels=asked.patch_voxels, levels=len(channels))
    net = run.network(channels=channels[: len(strides)], strides=[list(s) for s in strides])
    training = run.settings.training.merged({"iterations": asked.iterations})
    batches = PatchBatches(
        coarse, patch=patch, batch_size=training.batch_size, seed=run.settings.seed, foreground=0.5
    )
    steps = [*run.data.steps, {"name": "resample", "kwargs": {"spacing_mm": list(coarse_mm)}}]
    return run.fit(
        Supervised(net, DiceCELoss(**run.settings.loss)), batches, training=training, phase="stage1",
        transform=turned(run, patch, coarse_mm), watch=False,
        config={"preprocess": steps, "spacing_mm": list(coarse_mm), "patch": list(patch)},
    )  # fmt: skip


def train_second(run: Run, cases: Sequence[PreparedCase], box: CropBox) -> None:
    """Crops at full resolution, with the metric branch."""
    asked, spacing = run.settings.metric, box.spacing_mm
    room = [n + 2 * int(e / s + 1) for n, e, s in zip(box.size, box.error_mm, spacing, strict=True)]
    crops = [around(case.load(), room) for case in cases]
    geometry = fit_geometry(box.size, spacing, voxels=2**62, levels=len(run.settings.network.channels))
    net = run.network(
        strides=[list(s) for s in geometry.strides],
        channels=list(run.settings.network.channels[: len(geometry.strides)]),
    )
    sampler = VoxelSampler(
        "contour", per_class=asked.per_class, band_mm=band_width_mm(spacing, asked.band_mm),
        band_share=asked.band_share,
    )  # fmt: skip
    branch = MetricBranch(
        net,  # type: ignore[arg-type]
        taps=asked.taps, dim=asked.dim, sampler=sampler,
        weights={"triplet": asked.triplet_weight, "pair": asked.pair_weight},
    )  # fmt: skip
    method = MetricUNet(net, branch, loss=DiceCELoss(**run.settings.loss), warm_up=asked.warm_up)  # type: ignore[arg-type]
    batches = CropBatches(
        crops, box, batch_size=run.settings.training.batch_size, seed=run.settings.seed, pad=True,
        keys=("image", "label", "distance_mm"),
    )  # fmt: skip
    run.fit(
        method, batches, phase="stage2", transform=turned(run, box.size, spacing), watch=False,
        config={"spacing_mm": list(spacing), "patch": list(box.size)},
    )  # fmt: skip
    if run.folder is not None:
        save_two_stage(run.folder, box, pad=True)


def turned(run: Run, patch: Sequence[int], spacing: Sequence[float]) -> BatchAugment:
    """The augmentation of the settings for a patch of another size."""
    options = {**run.settings.augmentation, "flip_axes": run.flip_axes}
    return BatchAugment(patch, **options, spacing=spacing)


def place(method: Method, case: Case, run: Run) -> tuple[float, ...] | None:
    """Where stage 1 sees the structures, as a voxel of the coarse grid; None where it sees nothing."""
    device = next(method.parameters()).device
    labels = predict_labels(method.predict, case.image, device=device)
    found = locate(labels, case, (0.5,) * labels.ndim)
    return found.index(case) if found.found else None


def segmenter(folder: Path, settings: Section, device: torch.device) -> Segmenter:
    """Both stages, on cases that are prepared already."""
    two = load_two_stage(folder, device=device)
    # What a prepared case has behind it is not done again.
    first = replace(two.first, steps=list(two.first.steps)[len(two.second.steps) :])
    two = replace(two, first=first, second=replace(two.second, steps=()))

    def segment(case: Case) -> Tensor:
        labels = two.predict(case).labels
        return one_hot(labels, len(case.classes)).movedim(-1, 0).float()

    return segment


if __name__ == "__main__":
    raise SystemExit(main("voxel_metric"))
