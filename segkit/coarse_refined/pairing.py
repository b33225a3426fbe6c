"""Labelled and unlabelled cases as the batches that the methods of this room take."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from segkit.data import Augment, Case, PatchBatches, TwoStreamBatches, WholeBatches
from segkit.errors import ConfigError, DataError


def semi_supervised_batches(
    labelled: Sequence[Case],
    unlabelled: Sequence[Case],
    *,
    batch_size: tuple[int, int],
    seed: int,
    patch: Sequence[int] | None = None,
    foreground: float | None = None,
    augment: Augment | None = None,
    keys: Sequence[str] = (),
) -> TwoStreamBatches:
    """Batches with `image` and `label` of labelled cases and `unlabelled_image` of the others.

    The label of an unlabelled case, if it has one, does not enter a batch.

    Args:
        labelled: cases with labels, at least one.
        unlabelled: at least one; the labelled ones may be among them.
        batch_size: labelled and unlabelled images per batch, each 1 or more.
        seed: 0 or more, of both streams; each has an order of its own.
        patch: size of patches, in voxels; None takes whole images, which must have one shape. A case smaller
            than the patch is padded, its labels with IGNORE.
        foreground: probability that a labelled patch is centred on a structure, see `PatchBatches`; whole
            images have none.
        augment: for both streams. It makes the weak view.
        keys: further maps of the labelled stream.

    Raises:
        DataError: no labelled or no unlabelled case, a labelled case without a label, a voxel that is not
            finite, or cases that do not fit together.
        ConfigError: a stream that would give no rows.

    Example:
        >>> from segkit.data import phantoms
        >>> cases = phantoms("ultrasound", 4)
        >>> batches = semi_supervised_batches(cases[:1], cases[1:], batch_size=(1, 2), seed=0)
        >>> {key: len(value) for key, value in batches[0].items()}
        {'image': 1, 'label': 1, 'unlabelled_image': 2}
    """
    for cases in (labelled, unlabelled):
        if not isinstance(cases, Sequence) or not all(isinstance(case, Case) for case in cases):
            raise DataError("both streams are made of lists of cases: see segkit.data.load")
    if not labelled:
        raise DataError("there is no labelled case to learn from: look at the split and the number of shots")
    if not unlabelled:
        raise DataError(
            "there is no unlabelled case: train a supervised method, or take labelled cases as unlabelled too"
        )
    if not isinstance(batch_size, tuple | list) or len(batch_size) != 2:
        raise ConfigError(
            f"a batch_size of two streams is a pair of labelled and unlabelled images, not {batch_size!r}"
        )
    if min(batch_size) < 1:
        raise ConfigError(
            f"a batch of {batch_size[0]} labelled and {batch_size[1]} unlabelled images leaves one stream "
            "without rows: give 1 or more to each"
        )
    _check_cases(labelled, unlabelled, whole=patch is None)
    if patch is None and foreground is not None:
        raise ConfigError("whole images are centred on nothing: give a patch, or leave foreground out")

    def stream(cases: Sequence[Case], rows: int, offset: int, names: Sequence[str]) -> PatchBatches:
        if patch is None:
            return WholeBatches(cases, batch_size=rows, seed=2 * seed + offset, augment=augment, keys=names)
        centred = foreground if "label" in names else 0.0
        return PatchBatches(
            cases, patch=patch, batch_size=rows, seed=2 * seed + offset, foreground=centred, augment=augment,
            keys=names,
        )  # fmt: skip

    return TwoStreamBatches(
        stream(labelled, batch_size[0], 0, ("image", "label", *keys)),
        stream(unlabelled, batch_size[1], 1, ("image",)),
    )


def _check_cases(labelled: Sequence[Case], unlabelled: Sequence[Case], *, whole: bool) -> None:
    """Raise a DataError unless all cases can pass one network together, and the labelled ones have labels."""
    first = labelled[0]
    for case in labelled:
        if case.label is None:
            raise DataError(f"case {case.id} has no label and cannot be one of the labelled cases")
    for case in (*labelled, *unlabelled):
        if case.image.ndim != first.image.ndim or len(case.image) != len(first.image):
            raise DataError(
                f"case {case.id} has an image of shape {tuple(case.image.shape)} and {first.id} one of "
                f"{tuple(first.image.shape)}: channels and axes must be the same in both streams"
            )
        if whole and case.shape != first.shape:
            raise DataError(
                f"whole images must have one shape, but {first.id} is {first.shape} and {case.id} is "
                f"{case.shape}: give a patch, or use crop_or_pad or resize first"
            )
        if case.image.dtype != torch.float32:
            raise DataError(f"case {case.id} has an image of {case.image.dtype}: make it float32")
        if not case.image.isfinite().all():
            raise DataError(
                f"case {case.id} has {int((~case.image.isfinite()).sum())} voxels that are NaN or infinite: "
                "replace them before the image is used"
            )
