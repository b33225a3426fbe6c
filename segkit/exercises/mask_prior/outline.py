"""The outline of a patient, by thresholds and a morphology that counts in mm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segkit.data import Case
from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call, numbers
from segkit.exercises.mask_prior.patients import Patient, patients
from segkit.exercises.mask_prior.room import ROOM
from segkit.exercises.registry import Wrong, exercise
from segkit.mask_prior import body_mask

Voxels = NDArray[np.bool_]
Spacing = Sequence[float]
THRESHOLD_HU, RADIUS_MM = -300.0, 6.0
"""Of the task."""


def _ball(radius_mm: float, spacing_mm: Spacing) -> Voxels:
    reach = [int(radius_mm / step + 1e-6) for step in spacing_mm]
    axes = np.meshgrid(
        *(np.arange(-n, n + 1) * step for n, step in zip(reach, spacing_mm, strict=True)), indexing="ij"
    )
    return np.asarray(sum(axis**2 for axis in axes) <= radius_mm**2 * (1 + 1e-6))


def _opened(mask: Voxels, ball: Voxels) -> Voxels:
    """Opening of a mask that goes on beyond the volume as its edge values do."""
    reach = [n // 2 for n in ball.shape]
    wide = np.pad(mask, [(n, n) for n in reach], mode="edge")
    inner = tuple(slice(n, n + size) for n, size in zip(reach, mask.shape, strict=True))
    return np.asarray(ndimage.binary_opening(wide, ball)[inner])


def _largest(mask: Voxels) -> Voxels:
    parts, n = ndimage.label(mask)
    if n == 0:
        return mask
    return np.asarray(parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:])))


def _filled(mask: Voxels) -> Voxels:
    return np.stack([ndimage.binary_fill_holes(plane) for plane in mask])


def _outline(
    hu: NDArray,
    spacing_mm: Spacing,
    *,
    threshold: float = THRESHOLD_HU,
    ball: Callable[[Spacing], Voxels] = lambda spacing_mm: _ball(RADIUS_MM, spacing_mm),
    opened: Callable[[Voxels, Voxels], Voxels] = _opened,
    filled: Callable[[Voxels], Voxels] = _filled,
    before: Callable[[Voxels], Voxels] = lambda mask: mask,
) -> Voxels:
    return filled(_largest(opened(before(hu > threshold), ball(spacing_mm))))


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda hu, spacing_mm: _outline(hu, spacing_mm, **changes), hint)


def _unpadded(value: int) -> Callable[[Voxels, Voxels], Voxels]:
    return lambda mask, ball: ndimage.binary_opening(mask, ball, border_value=value)


def _by_library(hu: NDArray, spacing_mm: Spacing) -> Voxels:
    import torch

    to_ras = np.eye(4)
    to_ras[:3, :3] = -np.diag(spacing_mm)[::-1]  # axes to the feet, the back and the left
    case = Case(torch.from_numpy(hu)[None], None, tuple(spacing_mm), to_ras, "scan", "patient")
    return body_mask(case).voxels.numpy()


MISTAKES = {
    "not opened": _mistake(
        "The couch stays: straps join it to the back, and only an opening cuts them.",
        opened=lambda mask, ball: mask,
    ),
    "one voxel": _mistake(
        "At small voxels the couch stays, at large ones it goes: your ball counts voxels.",
        ball=lambda spacing_mm: ndimage.generate_binary_structure(3, 1),
    ),
    "diameter": _mistake(
        "At large voxels the couch stays, at small ones it goes: your ball is too small; 6 mm is its radius.",
        ball=lambda spacing_mm: _ball(RADIUS_MM / 2, spacing_mm),
    ),
    "six voxels": _mistake(
        "Walls of 15 mm between lung and skin are gone where voxels are large: a radius of 6 is meant in mm.",
        ball=lambda spacing_mm: _ball(RADIUS_MM, (1, 1, 1)),
    ),
    "one spacing": _mistake(
        "Right where voxels are cubes, wrong where they are not: the ball needs the spacing of every axis.",
        ball=lambda spacing_mm: _ball(RADIUS_MM, (spacing_mm[0],) * 3),
    ),
    "not filled": _mistake("The lungs are missing: fill what the body encloses.", filled=lambda mask: mask),
    "filled in 3-D": _mistake(
        "Lungs that the first slice cuts are missing: in 3-D they are open there. Fill slice by slice.",
        filled=ndimage.binary_fill_holes,
    ),
    "filled first": _mistake(
        "The air between back and couch is body in yours: filled before the straps were cut, it is enclosed.",
        before=_filled,
    ),
    "retracted": _mistake(
        "The outline shrinks at the first and the last slice: your erosion takes what lies beyond for air.",
        opened=_unpadded(0),
    ),
    "border": _mistake(
        "The border of the volume is body in yours: the dilation takes what lies beyond it for body.",
        opened=_unpadded(1),
    ),
    "fat": _mistake("The fat under the skin is missing, and fat has −100 HU.", threshold=0.0),
    "all parts": Wrong(
        lambda hu, spacing_mm: _filled(_opened(hu > THRESHOLD_HU, _ball(RADIUS_MM, spacing_mm))),
        "The board of the couch is cut off, but stays: keep the largest part alone, after the opening.",
    ),
}


@exercise(
    "mask_prior.body_outline",
    kind="implement",
    minutes=20,
    start="A ball of r mm reaches r / s voxels along an axis of s mm: build it as a boolean array first.",
    wrong={**MISTAKES, "library": Wrong(_by_library, "Your function calls `body_mask` of segkit")},
)
def check_body_outline(answer: Any) -> None:
    call_by_hand(answer, patients()[1].hu, patients()[1].spacing_mm, room=ROOM)
    masks = [_answered(answer, patient) for patient in patients()]
    _judge_body(masks)
    for patient, mask in zip(patients(), masks, strict=True):
        right = _outline(patient.hu, patient.spacing_mm)
        wrong = float((mask ^ right).sum() / right.sum())
        if wrong > 0.01:
            raise Hint(
                f"With voxels of {patient.spacing_mm} mm your mask differs from the recipe's in "
                f"{100 * wrong:.1f} % of the body's volume."
            )


def _answered(answer: Any, patient: Patient) -> Voxels:
    mask = numbers(call(answer, patient.hu, patient.spacing_mm))
    if mask.shape != patient.hu.shape:
        raise Hint(f"The mask has the shape {mask.shape}, the volume {patient.hu.shape}.")
    if not np.isin(mask, (0, 1)).all():
        raise Hint("A mask holds zeros and ones, nothing else.")
    return mask.astype(bool)


def _judge_body(masks: list[Voxels]) -> None:
    share = {
        part: [patient.share(mask, part) for patient, mask in zip(patients(), masks, strict=True)]
        for part in ("air", "tissue", "fat", "board", "line", "pocket", "lungs", "rim")
    }
    if max(share["tissue"]) < 0.1:
        outside = "true in the air around the patient" if min(share["air"]) > 0.5 else "empty"
        raise Hint(f"Your mask is {outside}: no patient has any muscle in it.")
    if min(share["air"]) > 0.5:
        raise Hint(MISTAKES["border"].hint)
    if max(share["fat"]) < 0.1 and min(share["tissue"]) > 0.5:
        raise Hint(MISTAKES["fat"].hint)
    small = [tissue < 0.9 for tissue in share["tissue"]]
    large = [board > 0.5 for board in share["board"]]
    wrong = [lost or kept for lost, kept in zip(small, large, strict=True)]
    if any(wrong) and not any(wrong[i] for i, patient in enumerate(patients()) if patient.cubes):
        raise Hint(MISTAKES["one spacing"].hint)
    if any(small):
        raise Hint(MISTAKES["six voxels"].hint)
    _judge_couch(large, share)
    _judge_rest(share)


def _judge_couch(kept: list[bool], share: dict[str, list[float]]) -> None:
    if all(kept):
        name = "filled first" if min(share["pocket"]) > 0.5 else "all parts"
        raise Hint(MISTAKES["not opened" if min(share["line"]) > 0.5 else name].hint)
    if any(kept):
        fine = [patient.spacing_mm[2] < 2 for patient in patients()]
        raise Hint(MISTAKES["one voxel" if kept == fine else "diameter"].hint)


def _judge_rest(share: dict[str, list[float]]) -> None:
    missing = [lungs < 0.5 for lungs in share["lungs"]]
    if all(missing):
        raise Hint(MISTAKES["not filled"].hint)
    if any(missing):
        raise Hint(MISTAKES["filled in 3-D"].hint)
    if any(rim < inner - 0.1 for rim, inner in zip(share["rim"], share["fat"], strict=True)):
        raise Hint(MISTAKES["retracted"].hint)
