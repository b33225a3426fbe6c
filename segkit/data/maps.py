"""The voxelwise maps of a case that travel together: image, label, masks, distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from segkit.data.case import IGNORE, Case
from segkit.data.sampling import ForegroundIndex
from segkit.errors import ConfigError, DataError

Maps = dict[str, Tensor]


def cropped(value: Tensor, window: tuple[slice, ...]) -> Tensor:
    """A view of the window in the last axes of a map."""
    index: Any = (..., *window)
    return value[index]


def maps_of(case: Case, keys: Sequence[str]) -> Maps:
    """The maps of a case by key; other keys than "image" and "label" are names of tensors in its `meta`.

    Raises:
        DataError: if one is missing or lies on another grid.
    """
    maps: Maps = {}
    for key in keys:
        value = {"image": case.image, "label": case.label}.get(key, case.meta.get(key))
        if not isinstance(value, Tensor):
            has = "no label" if key == "label" else f"no tensor {key!r} in its meta"
            raise DataError(f"case {case.id} has {has}: leave {key!r} out of keys, or add it to every case")
        if tuple(value.shape[-len(case.shape) :]) != case.shape or value.ndim > len(case.shape) + 1:
            raise DataError(
                f"{key!r} of case {case.id} has shape {tuple(value.shape)}, but its image has {case.shape}: "
                "every map must lie on the image's grid"
            )
        maps[key] = value
    return maps


def check_channels(cases: Sequence[Case], maps: Sequence[Maps]) -> None:
    """Raise a DataError unless every map has the same channels in every case."""
    dims = len(cases[0].shape)
    for case, own in zip(cases, maps, strict=True):
        for key, value in own.items():
            first = maps[0][key]
            if value.shape[:-dims] != first.shape[:-dims] or value.ndim != first.ndim:
                raise DataError(
                    f"{key!r} of case {case.id} has shape {tuple(value.shape)}, that of {cases[0].id} "
                    f"{tuple(first.shape)}: channels and axes must be the same in all cases"
                )


def padded(case: Case, maps: Maps, patch: tuple[int, ...], *, pad: bool) -> Maps:
    """Maps of at least the patch's size; those that have it already are handed through.

    Raises:
        ConfigError: if the patch does not fit the axes.
        DataError: if the case is too small and `pad` is False.
    """
    shape = case.shape
    if len(patch) != len(shape) or min(patch) < 1:
        raise ConfigError(f"a patch for {case.id} needs {len(shape)} sizes of 1 or more, got {patch}")
    short = [max(0, p - n) for p, n in zip(patch, shape, strict=True)]
    if not any(short):
        return maps
    if not pad:
        raise DataError(
            f"case {case.id} has shape {shape}, which is smaller than the patch {patch}: choose a smaller "
            "patch, or let it be padded (pad=True)"
        )
    out: Maps = {}
    own = tuple(slice(s // 2, s // 2 + n) for s, n in zip(short, shape, strict=True))
    for key, value in maps.items():
        new = value
        for axis, (s, n) in enumerate(zip(short, shape, strict=True)):
            nearest = torch.arange(-(s // 2), n + s - s // 2).clamp(0, n - 1)
            new = new.index_select(new.ndim - len(shape) + axis, nearest)
        if key in ("image", "label"):
            lowest = value.flatten(1).amin(1).reshape(-1, *(1 for _ in shape)) if key == "image" else IGNORE
            new = torch.zeros_like(new) + lowest
            cropped(new, own).copy_(value)
        out[key] = new
    return out


def foreground_index(case: Case, maps: Mapping[str, Tensor]) -> ForegroundIndex:
    """The index of a case's foreground voxels.

    Raises:
        DataError: if there are no labels among the maps.
    """
    if "label" not in maps:
        raise DataError(
            f"foreground patches need 'label' among the keys, but those of {case.id} are {list(maps)}"
        )
    return ForegroundIndex(maps["label"])
