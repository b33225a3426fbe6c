"""What the experiments of chapter 5 see of the two sets: frames about the organs, with their distances."""

from __future__ import annotations

from collections.abc import Sequence

from segkit.data import Augment, Case, WholeBatches, crop_or_pad, load, resample, window, z_score
from segkit.errors import DataError
from segkit.experiments.draw import Draw
from segkit.voxel_metric import with_distances

KEYS = ("image", "label", "distance_mm")
"""What a batch holds."""

FRAMES = {
    "hippocampus": (28, 48, 40),
    "parotid": (20, 20, 32),
    "brainstem": (16, 16, 32),
    "larynx": (16, 16, 28),
    "esophagus": (20, 16, 48),
    "spinal cord": (28, 12, 84),
    "mandible": (32, 36, 40),
}
"""Voxels about the organs, enough for every patient; the net's strides divide them."""

SPACING = (4.7, 4.7, 3.0)
"""Voxel size of `openkbp` in mm: in the plane about that of the set, along the body twice."""

HU = (-160.0, 240.0)
"""Soft tissue."""


def hippocampi(name: str) -> list[Case]:
    """Z-scored MRI in a frame about the hippocampus, as a first stage that never errs would centre it."""
    return [framed(z_score(case.with_(meta={})), FRAMES["hippocampus"]) for case in load(name)]


def parotids(name: str) -> list[Case]:
    """Every parotid gland in a frame of its own; right ones are mirrored, so that all look like left ones."""
    return [gland for case in load(name) for gland in both_sides(case)]


def both_sides(case: Case) -> list[Case]:
    """The two glands of a patient as two binary cases."""
    ready = resample(window(case.with_(meta={}), *HU), SPACING)
    return [one_organ(ready, "left parotid"), one_organ(mirrored(ready), "right parotid")]


def single(name: str, *, organ: str) -> list[Case]:
    """An organ that a patient has once, in its frame."""
    return [one_organ(resample(window(case.with_(meta={}), *HU), SPACING), organ) for case in load(name)]


def mirrored(case: Case) -> Case:
    """Left and right exchanged; axis 1 runs from right to left."""
    affine = case.affine.copy()
    affine[:3, 3] += affine[:3, 1] * (case.shape[1] - 1)
    affine[:3, 1] *= -1
    label = None if case.label is None else case.label.flip(1)
    return case.with_(image=case.image.flip(2), label=label, affine=affine)


def one_organ(case: Case, organ: str) -> Case:
    """The organ against everything else, in its frame."""
    if case.label is None:
        raise DataError(f"case {case.id} has no label to centre a frame on")
    words = organ.removeprefix("left ").removeprefix("right ")
    return framed(
        case.with_(
            label=(case.label == case.classes.index(organ)).long(),
            classes=("background", words),
            id=f"{case.id}/{organ}",
        ),
        FRAMES[words],
    )


def framed(case: Case, frame: Sequence[int]) -> Case:
    """The frame about the middle of all organs, with signed distances.

    Raises:
        DataError: a labelled voxel lies outside of the frame, and could not be measured.
    """
    if case.label is None:
        raise DataError(f"case {case.id} has no label to centre a frame on")
    inside = (case.label > 0).nonzero().double()
    middle = (inside.amin(0) + inside.amax(0)) / 2
    found = crop_or_pad(case, frame, centre=middle.tolist(), pad_label=0)
    lost = len(inside) - int((found.label > 0).sum()) if found.label is not None else 0
    if lost:
        raise DataError(f"{lost} labelled voxels of case {case.id} lie outside of the frame {tuple(frame)}")
    return with_distances(found)


def whole_frames(draw: Draw, *, batch_size: int = 2) -> WholeBatches:
    """Frames in an order that the draw decides, turned and scaled unless the setting says "augment: none"."""
    turned = draw.setting.get("augment", "turned") == "turned"
    return WholeBatches(
        draw.train,
        batch_size=batch_size,
        seed=draw.seed("batches"),
        augment=Augment(rotate_deg=15, scale=0.15, intensity=0) if turned else None,
        keys=KEYS,
    )
