"""Checks of the chapter on images and labels in physical space."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.exercises.judging import Hint, call, compare, letters, numbers
from segkit.exercises.registry import Wrong, exercise


def _affine(generator: np.random.Generator) -> NDArray:
    """A turned, mirrored, anisotropic affine."""
    rotation, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag(generator.uniform(0.5, 4.0, 3))
    affine[:3, 3] = generator.uniform(-100, 100, 3)
    return affine


def _to_mm(index: NDArray, affine: NDArray) -> NDArray:
    return index @ affine[:3, :3].T + affine[:3, 3]


VOXEL_TO_MM = {
    "no translation": Wrong(
        lambda index, affine: index @ affine[:3, :3].T,
        "Your voxel (0, 0, 0) lies at 0 mm: the last column of the affine is missing.",
    ),
    "transposed": Wrong(
        lambda index, affine: index @ affine[:3, :3] + affine[:3, 3],
        "Each row of `index` is a point: the 3 × 3 block has to be transposed when it stands on the right.",
    ),
    "spacing only": Wrong(
        lambda index, affine: index * np.linalg.norm(affine[:3, :3], axis=0) + affine[:3, 3],
        "The spacing alone forgets that the axes of the grid may be turned or mirrored in the patient.",
    ),
}


@exercise(
    "physical_space.voxel_to_mm",
    kind="implement",
    minutes=5,
    start="Write the index as (i, j, k, 1) and multiply it with the affine: what does the last column add?",
    wrong=VOXEL_TO_MM,
)
def check_voxel_to_mm(answer: Any) -> None:
    generator = np.random.default_rng(1)
    inputs = [(generator.uniform(0, 60, (n, 3)), _affine(generator)) for n in (1, 4, 7)]
    compare(answer, _to_mm, inputs, mistakes=VOXEL_TO_MM)


def _flip(axis: int, n: int, *, last: int) -> NDArray:
    """Index in the mirrored array → index in the original one."""
    flip = np.eye(4)
    flip[axis, axis], flip[axis, 3] = -1, last
    return flip


FLIPPED_AFFINE = {
    "sign only": Wrong(
        lambda affine, axis, n: affine @ _flip(axis, n, last=0),
        "The directions are right, but the image has moved: mirrored voxel 0 must lie where voxel n − 1 lay.",
    ),
    "off by one": Wrong(
        lambda affine, axis, n: affine @ _flip(axis, n, last=n),
        "The image is off by one voxel: the last index is n − 1, not n.",
    ),
    "row for column": Wrong(
        lambda affine, axis, n: _flip(axis, n, last=n - 1) @ affine,
        "You mirrored an axis of the patient (a row of the affine), but the array runs along a voxel axis.",
    ),
}


@exercise(
    "physical_space.flipped_affine",
    kind="derive",
    minutes=10,
    start="Find the matrix F that turns an index of the mirrored array into one of the original; use A F.",
    wrong=FLIPPED_AFFINE,
)
def check_flipped_affine(answer: Any) -> None:
    generator = np.random.default_rng(2)
    inputs = [(_affine(generator), axis, 11 + axis) for axis in range(3)]
    right = lambda affine, axis, n: affine @ _flip(axis, n, last=n - 1)  # noqa: E731
    compare(answer, right, inputs, mistakes=FLIPPED_AFFINE)


VOLUME_ML = {
    "voxels": Wrong(
        lambda label, value, spacing_mm: (np.asarray(label) == value).sum(),
        "That is the number of voxels; each voxel has a volume.",
    ),
    "cubic millimetres": Wrong(
        lambda label, value, spacing_mm: (np.asarray(label) == value).sum() * np.prod(spacing_mm),
        "That is the volume in mm³. How many of them make one ml?",
    ),
    "everything labelled": Wrong(
        lambda label, value, spacing_mm: (np.asarray(label) > 0).sum() * np.prod(spacing_mm) / 1000,
        "You counted every structure; only voxels with the given value belong to this one.",
    ),
    "cubes": Wrong(
        lambda label, value, spacing_mm: (np.asarray(label) == value).sum() * spacing_mm[0] ** 3 / 1000,
        "A voxel is no cube: its sides are the three numbers in `spacing_mm`.",
    ),
    "a hundred": Wrong(
        lambda label, value, spacing_mm: (np.asarray(label) == value).sum() * np.prod(spacing_mm) / 100,
        "You are a factor of 10 too high: 1 ml is a cube with sides of 10 mm.",
    ),
}


@exercise(
    "physical_space.volume_ml",
    kind="measure",
    minutes=5,
    start="Count the voxels that have the value; multiply by the volume of one voxel; 1 ml is (10 mm)³.",
    wrong=VOLUME_ML,
)
def check_volume_ml(answer: Any) -> None:
    generator = np.random.default_rng(3)
    inputs = [
        (generator.integers(0, 3, (9, 8, 7)), value, tuple(generator.uniform(0.4, 5.0, 3).round(2)))
        for value in (1, 2, 2)
    ]
    right = lambda label, value, spacing: (label == value).sum() * np.prod(spacing) / 1000  # noqa: E731
    compare(answer, right, inputs, mistakes=VOLUME_ML)


WINDOW = {
    "not clipped": Wrong(
        lambda hu, level, width: (hu - level + width / 2) / width,
        "Values outside the window leave [0, 1]: air must become 0 and bone 1.",
    ),
    "width on each side": Wrong(
        lambda hu, level, width: np.clip((hu - level + width) / (2 * width), 0, 1),
        "Your window is twice as wide as asked: half of `width` lies on each side of `level`.",
    ),
    "range of the image": Wrong(
        lambda hu, level, width: (hu - hu.min()) / (hu.max() - hu.min()),
        "Your greys depend on the darkest and the brightest voxel, so that one metal filling changes all.",
    ),
    "level as lower end": Wrong(
        lambda hu, level, width: np.clip((hu - level) / width, 0, 1),
        "`level` is the middle of the window, and must become 0.5.",
    ),
}


@exercise(
    "physical_space.window",
    kind="implement",
    minutes=5,
    start="`level` must become 0.5, `level - width / 2` must become 0; everything below stays 0.",
    wrong=WINDOW,
)
def check_window(answer: Any) -> None:
    generator = np.random.default_rng(4)
    inputs = [(generator.uniform(-1000, 3000, (4, 5)), *lw) for lw in ((40.0, 400.0), (-600.0, 1500.0))]
    right = lambda hu, level, width: np.clip((hu - level) / width + 0.5, 0, 1)  # noqa: E731
    compare(answer, right, inputs, mistakes=WINDOW)


@exercise(
    "physical_space.label_resampling",
    kind="criticise",
    minutes=10,
    start="Take the midpoint between a voxel of class 0 and one of class 2: what does each recipe put there?",
    wrong={
        "linear only": Wrong("A", "A cubic spline averages class numbers as well"),
        "cubic only": Wrong({"D"}, "The mean of 0 and 2 is 1"),
        "memberships too": Wrong(["A", "C", "D"], "C averages memberships, not numbers"),
        "nearest": Wrong("ABD", "B only copies"),
    },
)
def check_label_resampling(answer: Any) -> None:
    chosen = letters(answer, "ABCD")
    if "B" in chosen:
        raise Hint(
            "B only copies values that are there; its fault is another one: it shifts and frays edges."
        )
    if "C" in chosen:
        raise Hint(
            "C averages memberships, not numbers: a class that is not around has membership 0 and never wins."
        )
    if "A" not in chosen:
        raise Hint(
            "The mean of 0 and 2 is 1, and 1 is another organ: one recipe falls for that most plainly."
        )
    if "D" not in chosen:
        raise Hint("A cubic spline averages class numbers as well, and overshoots beyond them.")


def _slices_at_random(groups: Any, n_test: int, seed: int) -> NDArray:
    groups = np.asarray(groups)
    order = np.random.default_rng(seed).permutation(len(groups))
    wanted = round(len(groups) * n_test / len(set(groups)))
    return np.isin(np.arange(len(groups)), order[:wanted])


SPLIT = {
    "by slice": Wrong(_slices_at_random, "has slices in both parts"),
    "first patients": Wrong(
        lambda groups, n_test, seed: np.isin(groups, np.unique(groups)[:n_test]),
        "the same test patients whatever the seed",
    ),
    "no seed": Wrong(
        lambda groups, n_test, seed: np.isin(
            groups, np.random.default_rng().permutation(np.unique(groups))[:n_test]
        ),
        "two different splits",
    ),
    "training part": Wrong(
        lambda groups, n_test, seed: (
            ~np.isin(groups, np.random.default_rng(seed).permutation(np.unique(groups))[:n_test])
        ),
        "True marks the test part",
    ),
}


@exercise(
    "physical_space.split_by_patient",
    kind="implement",
    minutes=10,
    start="Choose among the distinct names in `groups`, then mark every slice whose group was chosen.",
    wrong=SPLIT,
)
def check_split_by_patient(answer: Any) -> None:
    generator = np.random.default_rng(5)
    names = np.array([f"patient_{i:02d}" for i in range(20)])
    groups = generator.permutation(np.repeat(names, generator.integers(3, 9, 20)))

    def split(seed: int) -> NDArray:
        is_test = numbers(call(answer, groups, 5, seed)).astype(bool)
        if is_test.shape != groups.shape:
            raise Hint(f"One truth value per slice is expected: {groups.shape}, not {is_test.shape}.")
        return is_test

    first = split(0)
    if not np.array_equal(first, split(0)):
        raise Hint("The same seed gives two different splits; draw from np.random.default_rng(seed) alone.")
    both = set(groups[first]) & set(groups[~first])
    if both:
        raise Hint(
            f"{min(both)} has slices in both parts: neighbouring slices of one patient are near copies."
        )
    n_test = len(set(groups[first]))
    if n_test == 15:
        raise Hint("Five test patients are expected and you return fifteen: True marks the test part.")
    if n_test != 5:
        raise Hint(f"Five test patients are expected, not {n_test}: `n_test` counts patients, not slices.")
    if all(np.array_equal(first, split(seed)) for seed in range(1, 6)):
        raise Hint("You choose the same test patients whatever the seed; shuffle the patients first.")
