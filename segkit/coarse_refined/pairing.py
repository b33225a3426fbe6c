"""Labelled and unlabelled cases as the batches that the methods of this room take."""

from __future__ import annotations

from collections.abc import Sequence

from segkit.data import Augment, Case, PatchBatches, TwoStreamBatches, WholeBatches
from segkit.errors import ConfigError, DataError


def semi_supervised_batches(
    labelled: Sequence[Case],
    unlabelled: Sequence[Case],
    *,
    batch_size: tuple[int, int],
    seed: int,
    patch: Sequence[int] | None = None,
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
        patch: size of patches, in voxels; None takes whole images, which must have one shape.
        augment: for both streams. It makes the weak view.
        keys: further maps of the labelled stream.

    Raises:
        DataError: no labelled or no unlabelled case, a labelled case without a label, or cases that do not
            fit together.
        ConfigError: a stream that would give no rows.

    Example:
        >>> from segkit.data import phantoms
        >>> cases = phantoms("ultrasound", 4)
        >>> batches = semi_supervised_batches(cases[:1], cases[1:], batch_size=(1, 2), seed=0)
        >>> {key: len(value) for key, value in batches[0].items()}
        {'image': 1, 'label': 1, 'unlabelled_image': 2}
    """
    if not labelled:
        raise DataError("there is no labelled case to learn from: look at the split and the number of shots")
    if not unlabelled:
        raise DataError(
            "there is no unlabelled case: train a supervised method, or take labelled cases as unlabelled too"
        )
    if min(batch_size) < 1:
        raise ConfigError(
            f"a batch of {batch_size[0]} labelled and {batch_size[1]} unlabelled images leaves one stream "
            "without rows: give 1 or more to each"
        )
    for case in labelled:
        if case.label is None:
            raise DataError(f"case {case.id} has no label and cannot be one of the labelled cases")

    def stream(cases: Sequence[Case], rows: int, offset: int, names: Sequence[str]) -> PatchBatches:
        if patch is None:
            return WholeBatches(cases, batch_size=rows, seed=2 * seed + offset, augment=augment, keys=names)
        return PatchBatches(
            cases, patch=patch, batch_size=rows, seed=2 * seed + offset, augment=augment, keys=names
        )

    return TwoStreamBatches(
        stream(labelled, batch_size[0], 0, ("image", "label", *keys)),
        stream(unlabelled, batch_size[1], 1, ("image",)),
    )
