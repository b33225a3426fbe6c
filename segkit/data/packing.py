"""Prepared cases in one small file, to be carried to another machine."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.data.case import Case
from segkit.data.files import replacing
from segkit.errors import DataError

_FORMAT = "segkit cases 1"
_SMALLER: dict[str, tuple[str, ...]] = {
    "float32": ("uint8", "int16", "uint16", "float16"),
    "float64": ("float32",),
    "int64": ("uint8", "int8", "int16", "int32"),
}


def pack_cases(cases: Iterable[Case], path: Path | str) -> Path:
    """Write cases to one compressed file, from which `unpack_cases` brings back every bit of them.

    Each array is stored in the smallest type that holds its values exactly: labels and 8-bit images in one
    byte per voxel, Hounsfield units and intensities that went through `to_half_precision` in two. Other
    floating-point images keep their four bytes, of which noise compresses little: round them first.

    Args:
        cases: any number; what their `meta` holds must be tensors or JSON (a tuple comes back as a list).
        path: the file, under any name. It is there whole or not at all.

    Returns:
        The path.

    Raises:
        DataError: if something in `meta` cannot be stored, or the file cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    entries = []
    for i, case in enumerate(cases):
        maps = {key: value for key, value in case.meta.items() if isinstance(value, Tensor)}
        facts = {key: value for key, value in case.meta.items() if key not in maps}
        for key, value in {"image": case.image, "label": case.label, **_named(maps)}.items():
            if value is not None:
                arrays[f"{i}/{key}"] = _shrunk(value.detach().cpu().numpy())
        arrays[f"{i}/affine"] = case.affine
        types = {key: str(value.dtype).removeprefix("torch.") for key, value in maps.items()}
        entries.append(
            {
                "id": case.id,
                "group": case.group,
                "classes": case.classes,
                "spacing_mm": case.spacing_mm,
                "label": None if case.label is None else str(case.label.dtype).removeprefix("torch."),
                "maps": types,
                "meta": facts,
            }
        )
    try:
        header = json.dumps({"format": _FORMAT, "cases": entries})
    except (TypeError, ValueError) as error:
        raise DataError(f"the meta of a case holds what is neither tensor nor JSON: {error}") from error
    path = Path(path)
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, header=np.array(header), **arrays)  # type: ignore[arg-type]
    return path


def unpack_cases(path: Path | str) -> list[Case]:
    """The cases of a packed file, equal to those that were packed, and validated.

    Raises:
        DataError: if the file is missing, damaged or of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            content = json.loads(str(arrays["header"]))
            if content["format"] != _FORMAT:
                raise KeyError(content["format"])
            return [_case(arrays, i, entry) for i, entry in enumerate(content["cases"])]
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: give a file that pack_cases wrote") from error
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged or holds no packed cases ({error}): pack them again") from error


def to_half_precision(case: Case) -> Case:
    """Round intensities to what 16 bits hold: a relative error of at most 2⁻¹¹, far below any image's noise.

    The image stays float32, and a packed file gets half as large, with nothing lost in packing. For images of
    a common scale (z-score, window); Hounsfield units beyond ±2048 would lose whole units.

    Raises:
        DataError: if a value is beyond ±65504.
    """
    rounded = case.image.half().float()
    if not bool(rounded.isfinite().all()):
        raise DataError(
            f"case {case.id} has intensities beyond ±65504, which 16 bits cannot hold: scale it first"
        )
    return case.with_(image=rounded)


def _named(maps: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"meta/{key}": value for key, value in maps.items()}


def _shrunk(values: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in the smallest type that holds them all."""
    for name in _SMALLER.get(values.dtype.name, ()):
        with np.errstate(all="ignore"):
            small = values.astype(name)
        # Bit by bit: equality would let −0.0 pass for 0.
        if small.astype(values.dtype).tobytes() == values.tobytes():
            return small
    return values


def _case(arrays: Any, i: int, entry: dict[str, Any]) -> Case:
    def tensor(key: str, kind: str) -> Tensor:
        return torch.from_numpy(arrays[f"{i}/{key}"]).to(getattr(torch, kind))

    maps = {key: tensor(f"meta/{key}", kind) for key, kind in entry["maps"].items()}
    return Case(
        tensor("image", "float32"),
        None if entry["label"] is None else tensor("label", entry["label"]),
        entry["spacing_mm"] and tuple(entry["spacing_mm"]),
        arrays[f"{i}/affine"],
        entry["id"],
        entry["group"],
        tuple(entry["classes"]),
        {**entry["meta"], **maps},
    ).validate()
