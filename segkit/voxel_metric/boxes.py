r"""The box that stage 2 looks at: one size for all patients, from the statistics of the training cases.

Along each axis i its half-size is
$$ h_i = Q_q(r_i) + Q_q(|\hat c_i - c_i|) + \delta_i $$
with $r_i$ the half-extent of the structures about their centroid c, $\hat c$ the centroid that stage 1
predicts, and δ a margin of context. The paper's size is not known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segkit.data.case import Case
from segkit.data.framing import crop_or_pad
from segkit.errors import ConfigError, DataError


@dataclass(frozen=True)
class CropBox:
    """A box in mm on the grid of stage 2, and what else stage 2 must know of the training cases.

    Attributes:
        half_mm: half of the box along each axis.
        error_mm: error of stage 1 along each axis, the size of the jitter in training.
        centre_share: mean place of the centroid as a share of the image along each axis: where to crop if
            stage 1 finds nothing.
        spacing_mm: voxel size of stage 2.

    Raises:
        ConfigError: not one number per axis in each, or a half or a voxel of no size.
    """

    half_mm: tuple[float, ...]
    error_mm: tuple[float, ...]
    centre_share: tuple[float, ...]
    spacing_mm: tuple[float, ...]

    def __post_init__(self) -> None:
        sides = (self.half_mm, self.error_mm, self.centre_share, self.spacing_mm)
        if len({len(each) for each in sides}) != 1 or not min(*self.half_mm, *self.spacing_mm) > 0:
            raise ConfigError(
                "a crop box needs one number per axis in each of half_mm, error_mm, centre_share and "
                f"spacing_mm, halves and spacings above 0, got {sides}"
            )

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels along each axis; `half_mm` to each side of a centre that is rounded to a voxel."""
        return tuple(
            math.ceil(2 * half / step - 1e-6) + 1
            for half, step in zip(self.half_mm, self.spacing_mm, strict=True)
        )

    def start(self, shape: Sequence[int], centre: Sequence[float]) -> tuple[int, ...]:
        """First voxel of the box about a centre: shifted into the image, or about its middle if larger.

        Args:
            shape: of the image.
            centre: voxel index.
        """
        found = []
        for n, m, c in zip(self.size, shape, centre, strict=True):
            first = math.floor(c - (n - 1) / 2 + 0.5)
            found.append(min(max(first, 0), m - n) if n <= m else -((n - m) // 2))
        return tuple(found)


def centroid(label: Tensor) -> tuple[float, ...] | None:
    """Mean voxel index of all structures (labels above 0), or None without any."""
    voxels = (label > 0).nonzero().double()
    return tuple(voxels.mean(0).tolist()) if len(voxels) else None


def fit_box(
    cases: Sequence[Case],
    *,
    predicted: Sequence[Sequence[float] | None] | None = None,
    margin_mm: float = 16.0,
    quantile: float = 0.99,
) -> CropBox:
    """The box from training cases.

    Args:
        cases: labelled, on the grid of stage 2: all of one spacing.
        predicted: for each case the centroid that stage 1 predicts, as a voxel index on that grid, or None
            where it found nothing. Predict cases that stage 1 was not trained on: on its own training cases
            the error looks too small. Without it the error is taken to be 0.
        margin_mm: δ, context to each side.
        quantile: q in (0, 1].

    Raises:
        DataError: no case, a case without label, structure or spacing, or two spacings.
        ConfigError: a margin or quantile out of range, or predictions for other cases.

    Example:
        >>> from segkit.data import phantoms
        >>> box = fit_box(phantoms("hippocampus", 3), margin_mm=4.0)
        >>> box.spacing_mm, all(12 < n < 60 for n in box.size)
        ((1.0, 1.0, 1.0), True)
    """
    if not cases:
        raise DataError("there are no cases to fit a box to: look at the split")
    if margin_mm < 0 or not 0 < quantile <= 1:
        raise ConfigError(
            f"margin_mm must be 0 or more and quantile in (0, 1], got {margin_mm} and {quantile}"
        )
    if predicted is not None and len(predicted) != len(cases):
        raise ConfigError(f"there are {len(cases)} cases, but {len(predicted)} predicted centroids")
    spacing = np.array(_common_spacing(cases))
    extents, errors, shares = [], [], []
    for i, case in enumerate(cases):
        centre = np.array(_centre_of(case))
        voxels = (_label_of(case) > 0).nonzero().numpy()
        reach = np.maximum(voxels.max(0) - centre, centre - voxels.min(0)) + 0.5
        extents.append(reach * spacing)
        shares.append((centre + 0.5) / np.array(case.shape))
        guess = None if predicted is None else predicted[i]
        if guess is not None:
            errors.append(np.abs(np.array(guess, float) - centre) * spacing)
    error = np.quantile(errors, quantile, axis=0) if errors else np.zeros(len(spacing))
    half = np.quantile(extents, quantile, axis=0) + error + margin_mm
    return CropBox(*(tuple(each.tolist()) for each in (half, error, np.mean(shares, 0), spacing)))


def crop_at(case: Case, box: CropBox, centre: Sequence[float], *, pad: bool = False) -> Case:
    """The box of a case about a centre, shifted into the image where it would reach beyond it.

    Args:
        case: on the grid of the box.
        box: from `fit_box`.
        centre: voxel index.
        pad: whether an image that is smaller than the box may be padded: with its minimum, labels with
            IGNORE.

    Raises:
        DataError: another spacing than the box's, or the box is larger than the image and `pad` is not set.
    """
    check_spacing(case, box.spacing_mm, "the box was fitted")
    if not pad:
        check_size(case, box)
    start = box.start(case.shape, centre)
    middle = [s + (n - 1) / 2 for s, n in zip(start, box.size, strict=True)]
    return crop_or_pad(case, box.size, centre=middle)


def contained(case: Case, box: CropBox, centre: Sequence[float]) -> bool:
    """Whether every structure of a case lies wholly inside the box about a centre (a voxel index)."""
    voxels = (_label_of(case) > 0).nonzero()
    first = torch.tensor(box.start(case.shape, centre))
    inside = (voxels >= first) & (voxels < first + torch.tensor(box.size))
    return bool(inside.all())


def containment_rate(cases: Sequence[Case], box: CropBox, centres: Sequence[Sequence[float]]) -> float:
    """Share of the cases whose structures lie wholly inside their boxes: what stage 2 can find at best.

    Args:
        cases: labelled, on the grid of the box.
        box: from `fit_box`.
        centres: of the boxes, voxel indices: predicted, or `centroid(case.label)` for an oracle.

    Returns:
        In [0, 1].

    Raises:
        DataError: no case, or one without label.
        ConfigError: not one centre for each case.
    """
    if not cases:
        raise DataError("there are no cases to take a containment rate of")
    if len(centres) != len(cases):
        raise ConfigError(f"there are {len(cases)} cases, but {len(centres)} centres")
    return sum(contained(c, box, m) for c, m in zip(cases, centres, strict=True)) / len(cases)


def check_spacing(case: Case, wanted: Sequence[float] | None, what: str) -> None:
    """Raise a DataError unless a case has the spacing that something was made for.

    Args:
        case: after preparation.
        wanted: spacing in mm, or None for any.
        what: how the message begins.
    """
    if wanted is None:
        return
    found = case.spacing_mm
    if found is None or len(found) != len(wanted) or not np.allclose(found, wanted, rtol=1e-2):
        has = "no spacing" if found is None else as_mm(found)
        raise DataError(f"{what} at {as_mm(wanted)}, but {case.id} has {has}: resample it first")


def check_size(case: Case, box: CropBox) -> None:
    """Raise a DataError if a box does not fit into the image of a case."""
    if any(n > m for n, m in zip(box.size, case.shape, strict=True)):
        raise DataError(
            f"a crop of {' × '.join(map(str, box.size))} voxels is larger than the image of {case.id}, "
            f"{' × '.join(map(str, case.shape))}: fit the box with a smaller margin_mm, or let it be padded "
            "(pad=True)"
        )


def as_mm(spacing: Sequence[float]) -> str:
    """A spacing in words: `1 × 1 × 2.5 mm`."""
    return " × ".join(f"{step:g}" for step in spacing) + " mm"


def _common_spacing(cases: Sequence[Case]) -> tuple[float, ...]:
    first = cases[0].spacing_mm
    if first is None:
        raise DataError(f"case {cases[0].id} has no spacing, so no box in mm can be fitted")
    for case in cases:
        check_spacing(case, first, f"the first case, {cases[0].id}, is")
    return first


def _label_of(case: Case) -> Tensor:
    if case.label is None:
        raise DataError(f"case {case.id} has no label to crop about")
    return case.label


def _centre_of(case: Case) -> tuple[float, ...]:
    found = centroid(_label_of(case))
    if found is None:
        raise DataError(f"case {case.id} has no labelled structure to crop about: leave it out")
    return found
