"""Write one prepared case: plane by plane, and so that it is there whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from segkit.data.files import replacing, writing
from segkit.data.prepared import layout
from segkit.data.prepared.layout import HU_RANGE, Settings
from segkit.data.prepared.places import places
from segkit.data.prepared.quantiles import Counter
from segkit.data.prepared.regridding import Taps, image_planes, label_planes, taps
from segkit.data.prepared.scan import Scan, planes
from segkit.data.resampling import regridded_affine, resampled_grid


def write_case(
    scan: Scan,
    folder: Path,
    settings: Settings,
    *,
    id: str,
    group: str,
    n_classes: int,
    facts: Mapping[str, Any],
    files: Sequence[Any] = (),
) -> dict[str, Any]:
    """Prepare a case and write its files.

    Turned to RAS, brought to the spacing or size of the settings, HU clipped or z-scores taken. The image is
    written in pieces of a few planes; of the result only the label is ever held in memory.

    Args:
        scan: the image as it was read, and checked.
        folder: of the prepared set.
        settings: how.
        id: of the case.
        group: the patient.
        n_classes: label values run below it.
        facts: what else the source tells; JSON.
        files: names and sizes of the files that were read, by which a changed source is noticed.

    Returns:
        The record, as it is in `<id>.json`.

    Raises:
        DataError: the disk is full or not writable. No record of the case is left then.
    """
    source, scan = scan, scan.oriented()
    grid, shape, spacing, affine = _grid(scan, settings, id)
    stage = folder / f".{id}.part"
    shutil.rmtree(stage, ignore_errors=True)
    try:
        with writing(stage):
            stage.mkdir(parents=True)
        label, hashes = None, {}
        if scan.label is not None:
            label = np.concatenate(list(label_planes(scan.label, grid)))
            hashes[layout.label_file(id)] = _write(stage / layout.label_file(id), np.int8, shape, [label])
            voxels = places(label)
            name = layout.voxels_file(id)
            hashes[name] = _write(stage / name, np.int64, voxels.shape, [voxels])
            if _moved(source, shape, affine):
                _write_native(stage / layout.native_file(id), source)
                hashes[layout.native_file(id)] = layout.digest(stage / layout.native_file(id))
        scales = [None if settings.modality == "ct" else _scale(channel) for channel in scan.image]
        pixels = _Pixels(scan, grid, scales, label)
        name = layout.image_file(id)
        hashes[name] = _write(stage / name, np.float16, (len(scan.image), *shape), pixels)
        record = {
            "format": layout.FORMAT,
            "id": id,
            "group": group,
            "settings": settings.to_json(),
            "shape": list(shape),
            "channels": len(scan.image),
            "spacing_mm": spacing and [round(s, 6) for s in spacing],
            "affine": affine.tolist(),
            "original": {
                "shape": list(source.shape),
                "spacing_mm": source.spacing_mm and list(source.spacing_mm),
                "affine": source.affine.tolist(),
            },
            "labelled": label is not None,
            "voxels_per_class": [] if label is None else _per_class(label, n_classes),
            "scale": scales,
            "minimum": pixels.minimum,
            "counted": pixels.counted,
            "quantiles": [c.quantiles().tolist() for c in pixels.counters],
            "facts": dict(facts),
            "files": list(files),
            "sha256": hashes,
        }
        with writing(folder):
            for file in hashes:
                (stage / file).replace(folder / file)
        layout.write_json(folder / layout.record_file(id), record)
        return record
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _grid(
    scan: Scan, settings: Settings, id: str
) -> tuple[list[Taps], tuple[int, ...], tuple[float, ...] | None, NDArray[np.float64]]:
    """Where the voxels of the result lie."""
    old, dims = scan.shape, len(scan.shape)
    shape, factors = old, [1.0] * dims
    if dims == 3 and settings.spacing_mm and scan.spacing_mm:
        shape, factors = resampled_grid(old, scan.spacing_mm, settings.spacing_mm, id)
    if dims == 2 and settings.size:
        shape = settings.size
        factors = [a / b for a, b in zip(old, shape, strict=True)]
    spacing = scan.spacing_mm and tuple(s * f for s, f in zip(scan.spacing_mm, factors, strict=True))
    affine = regridded_affine(scan.affine, old, shape, factors)
    return taps(old, shape, factors), shape, spacing, affine


class _Pixels:
    """The pieces of an image as they go to the disk, measured on the way."""

    def __init__(
        self, scan: Scan, grid: list[Taps], scales: list[Any], label: NDArray[np.int8] | None
    ) -> None:
        self._scan, self._grid, self._scales, self._label = scan, grid, scales, label
        self.counters = [Counter() for _ in scales]
        self.minimum = [float("inf")] * len(scales)
        self.counted = 0

    def __iter__(self) -> Any:
        for k, (channel, scale, counter) in enumerate(
            zip(self._scan.image, self._scales, self.counters, strict=True)
        ):
            row = 0
            for piece in image_planes(channel, self._grid):
                if scale is None:
                    ready = piece.clip(*HU_RANGE).astype(np.float16)
                else:
                    ready = ((piece - scale[0]) * (1 / scale[1])).astype(np.float16)
                self.minimum[k] = min(self.minimum[k], float(ready.min()))
                inside = ready if self._label is None else ready[self._label[row : row + len(ready)] > 0]
                counter.add(inside)
                self.counted += inside.size if k == 0 else 0
                row += len(ready)
                yield ready


def _scale(channel: NDArray[Any]) -> list[float]:
    """Mean and standard deviation of a channel, as `z_score` takes them; one without contrast gets [mean, 1].

    Two passes: one pass of squares loses digits where the mean is large beside the deviation.
    """
    parts = planes(channel, axis=-1)
    mean = float(sum(float(part.sum(dtype=np.float64)) for part in parts) / channel.size)
    squares = sum(float(((part.astype(np.float64) - mean) ** 2).sum()) for part in parts)
    sd = float(np.sqrt(squares / channel.size))
    return [mean, 1.0 if sd <= 1e-7 * abs(mean) or sd == 0 else sd]


def _write(path: Path, kind: type[np.generic], shape: tuple[int, ...], pieces: Iterable[NDArray[Any]]) -> str:
    """Write an `.npy` file piece by piece and return its SHA-256.

    Not through mapped memory: a full disk is then an error to be told, and not a signal that ends the
    process.
    """
    sha = hashlib.sha256()
    with writing(path), path.open("wb") as file:
        header = _Hashing(file, sha)
        fields = {"descr": npy.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(header, fields)  # type: ignore[arg-type]
        for piece in pieces:
            header.write(np.ascontiguousarray(piece, dtype=kind).reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


class _Hashing:
    """A file that hashes what is written to it."""

    def __init__(self, file: IO[bytes], sha: Any) -> None:
        self._file, self._sha = file, sha

    def write(self, data: Any) -> None:
        self._sha.update(data)
        self._file.write(data)


def _per_class(label: NDArray[np.int8], n_classes: int) -> list[int]:
    counts = np.zeros(n_classes, dtype=np.int64)
    for piece in planes(label, axis=0):
        counts += np.bincount(piece[piece >= 0], minlength=n_classes)
    return [int(n) for n in counts]


def _moved(source: Scan, shape: tuple[int, ...], affine: NDArray[np.float64]) -> bool:
    return source.shape != shape or not np.allclose(source.affine, affine)


def _write_native(path: Path, source: Scan) -> None:
    import nibabel as nib

    assert source.label is not None
    volume = source.label.reshape(source.shape + (1,) * (3 - source.label.ndim))
    with replacing(path) as temporary:
        nib.save(nib.Nifti1Image(volume, source.affine), temporary)
