"""Photographs with a mask of one structure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.data.dataset import Source
from segkit.data.prepared.scan import Scan
from segkit.errors import DataError


def read_photograph(source: Source) -> Scan:
    """Red, green and blue, 0 … 255, and a mask that is 0 and 255 in the file.

    Raises:
        DataError: a file is missing or damaged, sizes differ, the mask has other values.
    """
    image, mask = _pixels(source.paths[0], "RGB"), _pixels(source.paths[1], "L")
    if image.shape[:2] != mask.shape:
        raise DataError(
            f"{source.paths[1]} has shape {mask.shape} but its image has {image.shape[:2]}: fetch both again"
        )
    found = set(np.unique(mask).tolist())
    if not found <= {0, 255}:
        raise DataError(f"{source.paths[1]} holds {sorted(found)[:5]}; a mask holds 0 and 255")
    return Scan(image.transpose(2, 0, 1), (mask > 0).astype(np.int8), None, np.eye(4))


def _pixels(path: Path, mode: str) -> NDArray[Any]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert(mode))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} is missing, damaged or no image ({error}): fetch it again") from error
