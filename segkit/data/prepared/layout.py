"""Names and records of the files of a prepared data set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segkit.data.files import replacing
from segkit.errors import DataError

FORMAT = 1
"""Raised when prepared folders of before can no longer be read, or would come out differently."""
DATASET = "dataset.json"
UNLABELLED = "unlabelled"
"""What stands in place of a part of the split for a case whose label was never published."""
HU_RANGE = (-1024.0, 3071.0)
"""What 12 bits of a scanner can say; HU are clipped to it. In float16 they are exact up to ±2048."""

Spacing = tuple[float | None, ...]


@dataclass(frozen=True)
class Settings:
    """What decides how a prepared case comes out, apart from the case itself.

    Attributes:
        modality: `"ct"` keeps HU; every other kind gets z-scores per image and channel.
        spacing_mm: voxel size of 3-D cases along their RAS axes; None keeps that of the file, for one axis or
            for all.
        size: shape of 2-D images; None keeps that of the file.
    """

    modality: str
    spacing_mm: Spacing | None = None
    size: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """As `dataset.json` holds it."""
        return {**json.loads(json.dumps(asdict(self))), "format": FORMAT}


def image_file(id: str) -> str:
    """Name of a case's image."""
    return f"{id}.image.npy"


def label_file(id: str) -> str:
    """Name of a case's label."""
    return f"{id}.label.npy"


def voxels_file(id: str) -> str:
    """Name of the list of places to centre patches on."""
    return f"{id}.voxels.npy"


def native_file(id: str) -> str:
    """Name of the label on the grid of the original."""
    return f"{id}.native.nii.gz"


def record_file(id: str) -> str:
    """Name of the record that is written last."""
    return f"{id}.json"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a record, whole or not at all.

    Raises:
        DataError: the disk is full or not writable.
    """
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a record.

    Raises:
        DataError: it is missing, damaged, or of another format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise DataError(
                f"{path} has format {content['format']}, this version of segkit reads {FORMAT}: prepare the "
                "set again"
            )
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: prepare the set again") from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged ({error!r}): delete it and prepare the set again") from error
    return dict(content)


def digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
