"""`openkbp`: planning CT of the head and neck with seven organs at risk, stored as sparse CSV.

A file lists the voxels that are not zero by their flat index in C order through a 128-cube. CT values are
Hounsfield units plus about 1024, and zero where nothing is stored, so one subtraction gives HU and turns
"nothing" into air.

Axis 0 runs from anterior to posterior, axis 1 from the patient's right to left, axis 2 from head to feet. The
files carry no orientation; this was found by looking. In RAS+ all three steps are therefore negative. No
origin is known
either: voxel (0, 0, 0) lies at 0 mm.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from segkit.data.case import Case
from segkit.data.dataset import MIT, DataSet, Remote, Source, first_folder, listed
from segkit.errors import DataError

ORGANS = ("Brainstem", "SpinalCord", "RightParotid", "LeftParotid", "Esophagus", "Larynx", "Mandible")
CLASSES = (
    "background",
    "brainstem",
    "spinal cord",
    "right parotid",
    "left parotid",
    "esophagus",
    "larynx",
    "mandible",
)
PAINTED = ("Mandible", "SpinalCord", "Brainstem", "LeftParotid", "RightParotid", "Larynx", "Esophagus")
"""Order in which organs enter the label map, a later one winning where two overlap: from the largest to the
smallest (mean over the 30 patients), so that an overlap always takes its voxels from the organ that misses
them least. Only brainstem with cord and parotid with mandible overlap, 107 voxels in all patients
together."""
SHAPE = (128, 128, 128)
OFFSET = 1024.0
"""Stored value minus HU."""
HU_RANGE = (-1024.0, 3071.0)
"""What 12 bits of a scanner can say. Three patients hold metal far above; it is clipped to the upper
bound."""
# fmt: off
PATIENTS = (
    4, 13, 17, 22, 31, 34, 59, 60, 61, 66, 82, 83, 87, 95, 96, 99, 100, 109, 112, 115, 119, 122, 132, 144,
    157, 168, 172, 182, 187, 200,
)
# fmt: on
"""Training patients of the release with a readable CT and all seven organs; a download fetches these."""
_RAW = "https://raw.githubusercontent.com/ababier/open-kbp/ed9602e68411a45b7c8f039999f897895407d25f/provided-data"


def find(root: Path) -> list[Source]:
    """Patients that have a CT, voxel sizes and all seven organs; CSV gzipped or not."""
    folder = first_folder(root, "train-pats", "provided-data/train-pats", "")
    sources = []
    for patient in listed(folder, "pt_*"):
        names = ("ct", "voxel_dimensions", *ORGANS)
        paths = tuple(path for name in names if (path := _csv(patient / name)) is not None)
        if len(paths) == len(names):
            sources.append(Source(patient.name, patient.name, paths))
    return sorted(sources, key=lambda source: int(source.id.removeprefix("pt_")))


def read(source: Source) -> Case:
    """CT in HU within `HU_RANGE`, organs on one label map."""
    ct, sizes, *organs = source.paths
    index, value = _sparse(ct, with_value=True)
    stored = np.zeros(np.prod(SHAPE), dtype=np.float32)
    stored[index] = value
    hu = (stored - OFFSET).clip(*HU_RANGE).reshape(1, *SHAPE)
    label = np.zeros(stored.shape, dtype=np.int64)
    path_of = dict(zip(ORGANS, organs, strict=True))
    for organ in PAINTED:
        label[_sparse(path_of[organ], with_value=False)[0]] = ORGANS.index(organ) + 1
    spacing = _spacing(sizes)
    affine = np.eye(4)
    affine[:3, :3] = ras_steps(spacing)
    return Case(
        torch.from_numpy(hu),
        torch.from_numpy(label.reshape(SHAPE)),
        spacing,
        affine,
        source.id,
        source.group,
        CLASSES,
    )


def ras_steps(spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    """Columns: where a step along array axis 0, 1, 2 leads in (right, anterior, superior) mm."""
    posterior, left, inferior = spacing_mm
    return np.array([[0.0, -left, 0.0], [-posterior, 0.0, 0.0], [0.0, 0.0, -inferior]])


def _csv(stem: Path) -> Path | None:
    return next(
        (path for end in (".csv.gz", ".csv") if (path := stem.with_name(stem.name + end)).is_file()), None
    )


def _sparse(path: Path, *, with_value: bool) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Flat indices, and the values of a CT. A mask has nothing after its comma, so only the first column is
    read."""
    columns = (0, 1) if with_value else (0,)
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, usecols=columns, ndmin=2)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} is damaged or no sparse CSV ({error}): fetch it again") from error
    index = table[:, 0].astype(np.int64)
    if len(index) == 0 or index.min() < 0 or index.max() >= np.prod(SHAPE):
        raise DataError(f"{path} lists no voxel, or one outside the {SHAPE} array: fetch it again")
    return index, table[:, -1].astype(np.float32)


def _spacing(path: Path) -> tuple[float, ...]:
    try:
        sizes = np.loadtxt(path, ndmin=1)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} does not hold three voxel sizes ({error}): fetch it again") from error
    if sizes.shape != (3,):
        raise DataError(f"{path} holds {sizes.size} voxel sizes where three are wanted: fetch it again")
    return tuple(float(size) for size in sizes)


DATASET = DataSet(
    name="openkbp",
    title="OpenKBP head-and-neck CT (training patients with all seven organs)",
    description=(
        "Planning CT in HU on a 128-cube of 4 to 5 mm in-plane and 2.5 or 3 mm slices, with seven organs at "
        "risk. The contours come from several hospitals; organs are small, 67 to 2201 voxels."
    ),
    classes=CLASSES,
    cases=30,
    licence=MIT,
    citations=(
        "A. Babier, B. Zhang, R. Mahmood, K. L. Moore, T. G. Purdie, A. L. McNiven, T. C. Y. Chan. OpenKBP: "
        "The open-access knowledge-based planning grand challenge and dataset. Medical Physics 48, "
        "5549-5561, 2021.",
        "K. Clark, B. Vendt, K. Smith, et al. The Cancer Imaging Archive (TCIA): maintaining and operating a "
        "public information repository. Journal of Digital Imaging 26, 1045-1057, 2013.",
    ),
    homepage="https://github.com/ababier/open-kbp",
    layout="train-pats/pt_N/{ct,Brainstem,…,Mandible,voxel_dimensions}.csv, each gzipped or not",
    folders=("openkbp", "openkbp-head-neck-ct", "open-kbp", ""),
    phantom="ct_head_neck",
    find=find,
    read=read,
    files=tuple(
        Remote(path, (f"{_RAW}/{path}",))
        for patient in PATIENTS
        for file in ("ct", "voxel_dimensions", *ORGANS)
        for path in [f"train-pats/pt_{patient}/{file}.csv"]
    ),
)
