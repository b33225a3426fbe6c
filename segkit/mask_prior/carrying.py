"""Masks that a case carries in its `meta`, on the grid of its image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from segkit.data import Case
from segkit.errors import ConfigError, DataError
from segkit.mask_prior.reports import Mask


def with_maps(case: Case, **maps: Tensor | Mask) -> Case:
    """The case with voxelwise maps in its `meta`, where batches find them by key.

    Args:
        case: any case.
        maps: name → mask or map, `(*S)` or `(C, *S)`, on the grid of the case.

    Raises:
        DataError: a map lies on another grid.
        ConfigError: a map is called "image" or "label".

    Example:
        >>> from segkit.data import PatchBatches, phantom
        >>> from segkit.mask_prior import parent_mask
        >>> case = phantom("hippocampus", 0)
        >>> cases = [with_maps(case, mask=parent_mask(case))]
        >>> batches = PatchBatches(cases, patch=(8, 8, 8), batch_size=1, seed=0, keys=("image", "mask"))
        >>> batches[0]["mask"].dtype
        torch.bool
    """
    found = {name: value.voxels if isinstance(value, Mask) else value for name, value in maps.items()}
    for name, value in found.items():
        if name in ("image", "label"):
            raise ConfigError(f"a map cannot be called {name!r}: that is the case's own")
        check_grid(case, name, value)
    return case.with_(meta={**case.meta, **found})


def check_grid(case: Case, name: str, value: Tensor) -> None:
    """Raise a DataError unless a map `(*S)` or `(C, *S)` lies on the grid of a case."""
    dims = len(case.shape)
    if tuple(value.shape[-dims:]) != case.shape or value.ndim not in (dims, dims + 1):
        raise DataError(
            f"{name!r} has shape {tuple(value.shape)} but the image of case {case.id} has {case.shape}: a "
            "mask must lie on the image's grid (see `reframed`)"
        )


def reframed(case: Case, step: Callable[[Case], Case], keys: Sequence[str] = ("mask",)) -> Case:
    """A case after a change of grid, its masks with it: resampled, resized, cropped or padded alike.

    `segkit.data`'s steps move image and label; masks in `meta` are moved here as a label is, voxel by voxel
    to the side with the larger share. Masks come from the raw scan, so make them before, and distances and
    coordinates after.

    Args:
        case: a case with boolean maps in its `meta`.
        step: such as `functools.partial(resize, shape=(64, 48, 64))`.
        keys: the masks that move.

    Raises:
        DataError: a key is missing, or is no mask.

    Example:
        >>> from functools import partial
        >>> from segkit.data import phantom, resize
        >>> from segkit.mask_prior import parent_mask
        >>> case = phantom("cardiac_short_axis", 0)
        >>> small = reframed(with_maps(case, mask=parent_mask(case)), partial(resize, shape=(10, 32, 32)))
        >>> tuple(small.meta["mask"].shape)
        (10, 32, 32)
    """
    masks = {}
    for key in keys:
        value = case.meta.get(key)
        if not isinstance(value, Tensor) or value.dtype != torch.bool:
            raise DataError(
                f"case {case.id} has no boolean map {key!r} in its meta: only masks can be reframed"
            )
        check_grid(case, key, value)
        alone = step(case.with_(label=value.long(), classes=("outside", "mask")))
        if alone.label is None:
            raise DataError(f"the step that reframes case {case.id} lost its label")
        masks[key] = alone.label == 1
    rest = {key: value for key, value in case.meta.items() if not isinstance(value, Tensor)}
    return step(case).with_(meta={**rest, **masks})
