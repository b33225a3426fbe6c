"""The same voxels in another frame: cropped, padded, turned."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from segkit.data.case import IGNORE, Case
from segkit.errors import ConfigError, DataError


def crop_or_pad(
    case: Case, shape: Sequence[int], *, centre: Sequence[float] | None = None, pad_label: int = IGNORE
) -> Case:
    """Cut a frame of the given shape out of a case, and pad where it reaches beyond the image.

    Args:
        case: any case.
        shape: voxels along each axis of the result.
        centre: voxel index of the frame's middle (`(n - 1) / 2` is that of the image, the default); rounded
            so that whole voxels are kept.
        pad_label: class of padded voxels. They were never seen, so they are ignored unless told otherwise.

    Returns:
        A case whose padded image voxels hold the channel's minimum; the affine follows the frame.

    Raises:
        ConfigError: if `shape` or `centre` does not fit the axes.

    Example:
        >>> from segkit.data import phantom
        >>> crop_or_pad(phantom("hippocampus", 0), (40, 40, 40)).shape
        (40, 40, 40)
    """
    new = tuple(int(n) for n in shape)
    old = case.shape
    if len(new) != len(old) or min(new, default=0) < 1:
        raise ConfigError(f"shape must be {len(old)} positive numbers for case {case.id}, got {new}")
    middle = [(n - 1) / 2 for n in old] if centre is None else [float(c) for c in centre]
    if len(middle) != len(old):
        raise ConfigError(f"centre must be {len(old)} numbers for case {case.id}, got {tuple(middle)}")
    # floor(x + 1/2) and not round(): the latter takes halves to even numbers, here left, there right.
    start = [int((c - (n - 1) / 2 + 0.5) // 1) for c, n in zip(middle, new, strict=True)]
    source = tuple(slice(max(0, s), max(0, s + n)) for s, n in zip(start, new, strict=True))
    target = tuple(
        slice(max(0, -s), max(0, -s) + len(range(o)[part]))
        for s, o, part in zip(start, old, source, strict=True)
    )
    lowest = case.image.flatten(1).amin(1).reshape(-1, *(1 for _ in new))
    image = lowest.expand(-1, *new).clone()
    image[(slice(None), *target)] = case.image[(slice(None), *source)]
    label = None
    if case.label is not None:
        label = torch.full(new, pad_label, dtype=case.label.dtype)
        label[target] = case.label[source]
    affine = case.affine.copy()
    affine[:3, 3] += case.affine[:3, : len(new)] @ start
    return case.with_(image=image, label=label, affine=affine)


def to_orientation(case: Case, codes: str = "RAS") -> Case:
    """Turn and mirror the axes of a 3-D case until they point as `codes` says.

    No voxel is interpolated: an oblique image gets the nearest orientation.

    Args:
        case: a 3-D case.
        codes: where the axes shall point: one of R L, one of A P and one of S I, in any order.

    Raises:
        DataError: for a 2-D case.
        ConfigError: for other codes.

    Example:
        >>> from segkit.data import phantom
        >>> turned = to_orientation(phantom("ct_head_neck", 0), "RAS")
        >>> [round(float(v), 2) > 0 for v in turned.affine.diagonal()[:3]]
        [True, True, True]
    """
    from nibabel.orientations import axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

    if len(case.shape) != 3:
        raise DataError(
            f"case {case.id} is {len(case.shape)}-D: only a 3-D image has an orientation in a patient"
        )
    wanted = codes.upper()
    if len(wanted) != 3 or any(not set(pair) & set(wanted) for pair in ("RL", "AP", "SI")):
        raise ConfigError(
            f"{codes!r} is no orientation: give one of R L, one of A P and one of S I, like 'RAS'"
        )
    steps = ornt_transform(io_orientation(case.affine), axcodes2ornt(wanted))
    order = [int(i) for i in steps[:, 0].argsort()]
    flips = [axis for axis, k in enumerate(order) if steps[k, 1] < 0]
    spacing = case.spacing_mm and tuple(case.spacing_mm[k] for k in order)
    image = case.image.permute(0, *(k + 1 for k in order)).flip([a + 1 for a in flips])
    label = None if case.label is None else case.label.permute(order).flip(flips)
    return case.with_(
        image=image.contiguous(),
        label=None if label is None else label.contiguous(),
        spacing_mm=spacing,
        affine=case.affine @ inv_ornt_aff(steps, case.shape),
    )
