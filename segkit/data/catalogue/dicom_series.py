"""CHAOS as its organisers publish it: a DICOM file and a PNG mask per slice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.data.dataset import Source
from segkit.data.prepared.scan import Scan, to_int8
from segkit.errors import DataError

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
_UNEVEN = 0.05
"""Slices count as evenly spaced while no gap differs from the median by more than this share of it."""


def find_series(root: Path, *, kind: str, series: Sequence[str], masks: str, prefix: str) -> list[Source]:
    """Patients below `Train_Sets/<kind>`, wherever that folder lies.

    Args:
        root: folder that is searched.
        kind: `"CT"` or `"MR"`.
        series: folders of the DICOM files below the patient's, one per channel.
        masks: folder of the masks below the patient's.
        prefix: of the names of the cases.
    """
    sources = []
    for patient in sorted(root.glob(f"**/{kind}/[0-9]*"), key=lambda path: (len(path.name), path.name)):
        slices = [sorted((patient / one).glob("*.dcm")) for one in series]
        drawn = sorted((patient / masks).glob("*.png"))
        if slices[0] and "Test_Sets" not in patient.parts:  # nobody publishes masks for these
            name = f"{prefix}_{int(patient.name):02d}"
            facts = {"slices": [len(one) for one in slices], "masks": masks}
            sources.append(Source(name, name, (*(path for one in slices for path in one), *drawn), facts))
    return sources


def read_series(source: Source, *, classes: dict[int, int]) -> Scan:
    """A volume from its slices, ordered along their normal.

    The masks have no position: the order of their names is that of the DICOM files of the first series.

    Args:
        source: from `find_series`.
        classes: grey value → class.

    Raises:
        DataError: SimpleITK is missing; a slice is damaged; counts, sizes or gaps do not fit; a grey value is
            no class.
    """
    paths, volumes, affines, start = source.paths, [], [], 0
    order: NDArray[np.int64] | None = None
    for count in source.facts["slices"]:
        volume, affine, along = _volume(paths[start : start + count], source.id)
        order = along if order is None else order
        volumes.append(volume)
        affines.append(affine)
        start += count
    if any(volume.shape != volumes[0].shape for volume in volumes):
        raise DataError(f"{source.id}: its series have {[volume.shape for volume in volumes]} voxels")
    masks = paths[start:]
    if len(masks) != volumes[0].shape[2] or order is None:
        raise DataError(
            f"{source.id} has {len(masks)} masks for {volumes[0].shape[2]} slices: fetch the set again"
        )
    grey = np.stack([_mask(masks[k], volumes[0].shape[:2]) for k in order], axis=2)
    try:
        label = to_int8(grey, classes)
    except DataError as error:
        raise DataError(f"{masks[0].parent}: {error}") from error
    spacing = tuple(round(float(s), 6) for s in np.linalg.norm(affines[0][:3, :3], axis=0))
    return Scan(np.stack(volumes), label, spacing, affines[0])


def _volume(
    paths: Sequence[Path], id: str
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]:
    """Voxels (column, row, slice), the affine, and which file each slice is."""
    slices = [_slice(path) for path in paths]
    first = slices[0]
    if any(one["pixels"].shape != first["pixels"].shape for one in slices):
        raise DataError(f"{id}: slices of one series differ in size")
    normal = first["axes"][:, 2]
    places = np.array([one["origin"] @ normal for one in slices])
    order = np.argsort(places, kind="stable")
    gaps = np.diff(places[order])
    step = float(np.median(gaps)) if len(gaps) else float(first["spacing"][2])
    if not step > 0 or bool((np.abs(gaps - step) > _UNEVEN * step).any()):
        raise DataError(
            f"{id}: its slices are {gaps.min():.3g} to {gaps.max():.3g} mm apart, so some are missing or "
            "double: fetch the set again"
        )
    affine = np.eye(4)
    affine[:3, :3] = _LPS_TO_RAS @ first["axes"] @ np.diag([*first["spacing"][:2], step])
    affine[:3, 3] = _LPS_TO_RAS @ slices[order[0]]["origin"]
    return np.stack([slices[k]["pixels"].T for k in order], axis=2), affine, order


def _slice(path: Path) -> dict[str, Any]:
    """Pixels (row, column) after the file's own scaling, and where they lie in LPS."""
    try:
        import SimpleITK as sitk
    except ImportError as error:
        raise DataError(
            "reading DICOM needs the package SimpleITK: install it, or this one with its extra `dicom`"
        ) from error
    try:
        image = sitk.ReadImage(str(path))
        pixels = sitk.GetArrayFromImage(image).astype(np.float32)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise DataError(f"{path} is missing, damaged or no DICOM file ({reason}): fetch it again") from error
    return {
        "pixels": pixels.reshape(pixels.shape[-2:]),
        "origin": np.array(image.GetOrigin()),
        "spacing": np.array(image.GetSpacing()),
        "axes": np.array(image.GetDirection()).reshape(3, 3),
    }


def _mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Grey values (column, row)."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            values = np.asarray(image.convert("L")).T
    except (OSError, SyntaxError) as error:
        raise DataError(f"{path} is damaged or no image ({error}): fetch it again") from error
    if values.shape != shape:
        raise DataError(f"{path} is {values.shape} pixels large, its slice {shape}: fetch both again")
    return values
