"""Cutting and augmenting patches beside MONAI's transforms: what a training step waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import torch

from segkit.bench.timing import Row, bench_row, compare
from segkit.data import Augment, Case, PatchBatches, phantoms, z_score

_SIZES = {"hippocampus": (40, 56, 40), "ultrasound": (128, 128)}


def run(*, quick: bool) -> list[Row]:
    """A 3-D and a 2-D patch: cut round a structure; turned and scaled; fully augmented."""
    time = partial(compare, repeats=3 if quick else 21)
    rows = []
    for kind, patch in _SIZES.items():
        cases = [z_score(case) for case in phantoms(kind, 4)]
        size = " × ".join(map(str, patch))
        tasks: dict[str, tuple[Augment | None, list[Any], float | None]] = {
            "patch round a structure": (None, [_crop(patch)], None),
            "… turned and scaled": (
                Augment(spatial=1.0, intensity=0.0),
                [_crop(patch), _affine(patch, 1.0)],
                1.0,
            ),
            "… with the usual augmentation": (
                Augment(),
                [_crop(patch), _affine(patch, 0.5), *_intensities(0.15)],
                1.0,
            ),
        }
        for operation, (augment, transforms, target) in tasks.items():
            timings = time({"ours": _ours(cases, patch, augment), "peer": _theirs(cases, transforms)})
            rows.append(
                bench_row(timings, operation=operation, size=f"4 × 1 × {size}", peer="monai", target=target)
            )
    return rows


def _ours(cases: Sequence[Case], patch: Sequence[int], augment: Augment | None) -> Callable[[], object]:
    batches = PatchBatches(cases, patch=patch, batch_size=4, seed=0, foreground=0.5, augment=augment)
    number = count()
    return lambda: batches[next(number)]


def _theirs(cases: Sequence[Case], transforms: Sequence[Any]) -> Callable[[], object]:
    """Four samples through MONAI's dictionary transforms, with the foreground found beforehand as ours is."""
    from monai.transforms import Compose, FgBgToIndicesd, SpatialPadd

    patch = transforms[0].cropper.spatial_size
    before = Compose([SpatialPadd(["image", "label"], patch), FgBgToIndicesd("label")])
    chain = Compose(transforms).set_random_state(seed=0)
    samples = []
    for case in cases:
        if case.label is not None:
            samples.append(before({"image": case.image, "label": case.label[None].float()}))

    def batch() -> torch.Tensor:
        made = [chain(dict(sample)) for sample in samples]
        # A random crop returns a list of its samples.
        return torch.stack([(one[0] if isinstance(one, list) else one)["image"] for one in made])

    return batch


def _crop(patch: Sequence[int]) -> Any:
    from monai.transforms import RandCropByPosNegLabeld

    return RandCropByPosNegLabeld(
        ["image", "label"],
        label_key="label",
        spatial_size=patch,
        num_samples=1,
        fg_indices_key="label_fg_indices",
        bg_indices_key="label_bg_indices",
    )


def _affine(patch: Sequence[int], probability: float) -> Any:
    from monai.transforms import RandAffined

    dims = len(patch)
    return RandAffined(
        ["image", "label"],
        prob=probability,
        rotate_range=[float(np.deg2rad(15))] * (3 if dims == 3 else 1),
        scale_range=[0.15] * dims,
        mode=["bilinear", "nearest"],
        padding_mode=["border", "zeros"],
        spatial_size=patch,
        cache_grid=True,
    )


def _intensities(probability: float) -> list[Any]:
    from segkit.data.augmentation import usual_transforms

    made = usual_transforms()
    for transform in made:
        transform.prob = probability
    return made
