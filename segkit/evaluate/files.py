"""Metrics of masks on disk: one file against another, or a folder against a folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segkit.data.case import Case
from segkit.data.nifti import read_case
from segkit.errors import DataError
from segkit.evaluate.cases import DEFAULT_METRICS, evaluate_case
from segkit.evaluate.measure import DistancePolicy, Measure, OverlapPolicy
from segkit.evaluate.summaries import Summary, summarise

_SUFFIXES = (".nii.gz", ".nii")


@dataclass(frozen=True)
class Report:
    """What was measured, and what could not be.

    Attributes:
        cases: file name without suffix → class → metric → `Measure`.
        without_prediction: true masks that no predicted mask belongs to; they are in no mean.
        without_truth: predicted masks that no true mask belongs to.
    """

    cases: dict[str, dict[str, dict[str, Measure]]]
    without_prediction: tuple[str, ...] = ()
    without_truth: tuple[str, ...] = ()

    @property
    def summary(self) -> dict[str, dict[str, Summary]]:
        """Class → metric → `Summary` over the cases."""
        first = next(iter(self.cases.values()))
        return {
            structure: {m: summarise(case[structure][m] for case in self.cases.values()) for m in metrics}
            for structure, metrics in first.items()
        }


def evaluate_files(
    prediction: str | Path,
    truth: str | Path,
    *,
    classes: Sequence[str] = (),
    metrics: Iterable[str] = DEFAULT_METRICS,
    overlap_policy: OverlapPolicy = "nan",
    distance_policy: DistancePolicy = "diagonal",
) -> Report:
    """Measure predicted NIfTI masks against true ones.

    Args:
        prediction: a mask, or a folder of masks.
        truth: a mask, or a folder in which the mask of a case has the same name, `.gz` or not.
        classes: names of the labels 1, 2, …; without them `class 1` … up to the highest label in any file.
        metrics: names out of `METRICS`.
        overlap_policy: see `dice`.
        distance_policy: see `hd95_mm`.

    Returns:
        A `Report`. Every class is measured in every case, so that an absent structure is counted.

    Raises:
        DataError: a file against a folder, an empty folder, no name in common, a file that is no such mask.
    """
    pairs, only_truth, only_prediction = _pairs(Path(prediction), Path(truth))
    names = ("background", *(classes or _numbered(pairs.values())))
    chosen, cases = tuple(metrics), {}
    for name, (predicted, true) in pairs.items():
        case, labels = _read(predicted, true, names)
        try:
            cases[name] = evaluate_case(
                labels,
                case,
                metrics=chosen,
                overlap_policy=overlap_policy,
                distance_policy=distance_policy,
            )
        except DataError as error:
            raise DataError(f"{predicted}: {error}") from error
    return Report(cases, only_truth, only_prediction)


def _pairs(
    prediction: Path, truth: Path
) -> tuple[dict[str, tuple[Path, Path]], tuple[str, ...], tuple[str, ...]]:
    if prediction.is_dir() != truth.is_dir():
        folder, file = (prediction, truth) if prediction.is_dir() else (truth, prediction)
        raise DataError(f"{folder} is a folder and {file} is not: give two files or two folders")
    if not prediction.is_dir():
        return {_stem(prediction): (prediction, truth)}, (), ()
    found, wanted = _masks(prediction), _masks(truth)
    common = sorted(found.keys() & wanted.keys())
    if not common:
        raise DataError(
            f"no mask in {prediction} has the name of one in {truth}: name predictions as the truth"
        )
    return (
        {name: (found[name], wanted[name]) for name in common},
        tuple(sorted(wanted.keys() - found.keys())),
        tuple(sorted(found.keys() - wanted.keys())),
    )


def _masks(folder: Path) -> dict[str, Path]:
    masks = {_stem(path): path for path in sorted(folder.iterdir()) if path.name.endswith(_SUFFIXES)}
    if not masks:
        raise DataError(f"{folder} holds no .nii or .nii.gz file")
    return masks


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _numbered(pairs: Iterable[tuple[Path, Path]]) -> tuple[str, ...]:
    highest = 1
    for predicted, true in pairs:
        case, labels = _read(predicted, true, ())
        highest = max(highest, case.n_classes - 1, int(labels.max()))
    return tuple(f"class {value}" for value in range(1, highest + 1))


def _read(predicted: Path, true: Path, classes: tuple[str, ...]) -> tuple[Case, NDArray[np.int64]]:
    """The true mask as a case on the grid of the predicted one, and the predicted labels."""
    case = read_case(predicted, true, classes=classes)
    values = case.image.numpy()
    labels = np.rint(values).astype(np.int64)
    if len(values) != 1 or (np.abs(labels - values) > 1e-3).any():
        raise DataError(f"{predicted} is no mask: its voxels must be whole numbers, one per voxel")
    return case, labels[0]
