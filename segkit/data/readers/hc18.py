"""`hc18`: 2-D ultrasound of the fetal head in its standard plane.

The annotation is the outline of the head, not a mask: it is filled here. In one image (628_2HC) the head
leaves the image, so that the outline is open; it is closed along the border first. A further image of an
examination is named NNN_2HC, NNN_3HC, …; the group is the number NNN.

The array order is (row, column), downwards and to the right. An ultrasound image has no place in the
patient's space: the affine only scales pixels to mm.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from segkit.data.case import Case
from segkit.data.dataset import CC_BY_4, DataSet, Remote, Source, first_folder, listed
from segkit.errors import DataError

CLASSES = ("background", "head")
_TABLE = "training_set_pixel_size_and_HC.csv"
_NAME = re.compile(r"(\d{3})_\d?HC\.png")


def find(root: Path) -> list[Source]:
    """Images that have an outline beside them and a row in the table of pixel sizes."""
    folder = first_folder(root, "training_set", "")
    table = next((path for base in (root, root.parent) if (path := base / _TABLE).is_file()), None)
    if folder is None or table is None:
        return []
    rows = _rows(table)
    sources = []
    for image in listed(folder, "*HC.png"):
        match = _NAME.fullmatch(image.name)
        if match is None:
            continue
        if image.name not in rows:
            raise DataError(
                f"{table} has no row for {image.name}, so its pixel size is unknown: fetch it again"
            )
        mm, circumference = rows[image.name]
        facts = {"pixel_mm": mm, "circumference_mm": circumference}
        outline = image.with_name(image.stem + "_Annotation.png")
        sources.append(Source(image.stem, match[1], (image, outline, table), facts))
    return sources


def _rows(table: Path) -> dict[str, tuple[float, float]]:
    try:
        with table.open(newline="") as file:
            return {name: (float(mm), float(hc)) for name, mm, hc, *_ in list(csv.reader(file))[1:]}
    except (ValueError, OSError, csv.Error) as error:
        raise DataError(f"{table} is no table of name, pixel size and circumference ({error})") from error


def read(source: Source) -> Case:
    """Grey values 0 … 255, the filled head, the circumference of the CSV in `meta`."""
    image, outline = (_grey(path) for path in source.paths[:2])
    if image.shape != outline.shape:
        raise DataError(
            f"{source.paths[1]} has shape {outline.shape} but its image has {image.shape}; fetch both again"
        )
    mm = source.facts["pixel_mm"]
    return Case(
        torch.from_numpy(image.astype(np.float32))[None],
        torch.from_numpy(filled(outline > 0).astype(np.int64)),
        (mm, mm),
        np.diag([mm, mm, 1.0, 1.0]),
        source.id,
        source.group,
        CLASSES,
        {"circumference_mm": source.facts["circumference_mm"]},
    )


def filled(outline: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The inside of an outline, outline included.

    Where the outline leaves the image, everything between its first and last pixel on that border is taken as
    part of it. An outline that stays inside, or only touches, is not changed by this.

    Raises:
        DataError: the outline encloses nothing.
    """
    from scipy.ndimage import binary_fill_holes

    closed = outline.copy()
    for border in (closed[0], closed[-1], closed[:, 0], closed[:, -1]):
        touched = np.flatnonzero(border)
        if touched.size:
            border[touched[0] : touched[-1] + 1] = True
    inside: NDArray[np.bool_] = binary_fill_holes(closed)
    if inside.sum() == closed.sum():
        raise DataError(
            "an outline of hc18 is not closed, so nothing lies inside: fetch the annotation again"
        )
    return inside


def _grey(path: Path) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise DataError(f"{path} is missing, damaged or no image ({error}): fetch it again") from error


DATASET = DataSet(
    name="hc18",
    title="HC18, fetal head circumference (training part)",
    description=(
        "2-D ultrasound of the fetal head in its standard plane, 800 by 540 pixels of 0.05 to 0.33 mm, with "
        "the head as one class and its circumference in mm. The book uses the examinations whose number is "
        "divisible by 4."
    ),
    classes=CLASSES,
    cases=253,
    licence=CC_BY_4,
    citations=(
        "T. L. A. van den Heuvel, D. de Bruijn, C. L. de Korte, B. van Ginneken. Automated measurement of "
        "fetal head circumference using 2D ultrasound images. PLoS ONE 13(8): e0200412, 2018.",
        "T. L. A. van den Heuvel, D. de Bruijn, C. L. de Korte, B. van Ginneken. Automated measurement of "
        "fetal head circumference using 2D ultrasound images. Data set, Zenodo, 2018. "
        "doi:10.5281/zenodo.1322001",
    ),
    homepage="https://hc18.grand-challenge.org",
    layout=f"training_set/NNN_HC.png, training_set/NNN_HC_Annotation.png, {_TABLE}",
    folders=("hc18", "hc18-fetal-ultrasound", "HC18", ""),
    phantom="ultrasound",
    find=find,
    read=read,
    files=tuple(
        Remote(
            name,
            tuple(
                f"https://zenodo.org/records/{record}/files/{name}?download=1"
                for record in (1322001, 1327317)
            ),
            unpack=name.endswith(".zip"),
        )
        for name in ("training_set.zip", _TABLE)
    ),
)
