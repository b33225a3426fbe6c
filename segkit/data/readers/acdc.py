"""`acdc`: short-axis cine MRI of the heart at end-diastole and end-systole.

Two layouts are read. The HDF5 files of the scribble community hold arrays in the order (slice, row, column)
and no
spacing: `spacing_mm` is None, the affine is the identity, distances are in voxels. The challenge's own NIfTI
files hold spacing; they are brought to the same order (slice, row, column), and the affine is permuted with
them, so that a network sees one orientation whichever layout is at hand.

The two frames of a patient are near copies, so the group is the patient. Which frame is end-diastole stands
in the challenge's Info.cfg; where that file is missing the lower frame number is taken, which holds for every
patient of the HDF5 part that the book uses.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from segkit.data.case import IGNORE, Case
from segkit.data.dataset import CC_BY_NC_SA_4, DataSet, Source, listed
from segkit.data.nifti import read_case
from segkit.errors import DataError

CLASSES = ("background", "right ventricle", "myocardium", "left ventricle")
_NAME = re.compile(r"(patient\d{3})_frame(\d+)\.(h5|nii|nii\.gz)")
_UNDRAWN = 4  # value of the scribble files where nothing was drawn


def find(root: Path) -> list[Source]:
    """Volumes of either layout; HDF5 is taken where both lie side by side."""
    hdf5 = [p for name in ("ACDC_training_volumes", "") for p in listed(root / name, "patient*.h5")]
    nifti = [
        p for name in ("", "training", "database/training") for p in listed(root / name, "patient*/*.nii*")
    ]
    frames: dict[str, list[tuple[int, Path]]] = {}
    for path in hdf5 or nifti:
        if match := _NAME.fullmatch(path.name):
            frames.setdefault(match[1], []).append((int(match[2]), path))
    return [source for patient in sorted(frames) for source in _sources(patient, frames[patient])]


def _sources(patient: str, frames: list[tuple[int, Path]]) -> list[Source]:
    info = frames[0][1].with_name("Info.cfg")
    facts = _info(info) if info.is_file() else {}
    end_diastole = int(facts.get("ED", frames[0][0]))
    sources = []
    for number, path in frames:
        paths = [path]
        if path.suffix != ".h5":
            paths.append(path.with_name(path.name.replace(".nii", "_gt.nii")))
        if info.is_file():
            paths.append(info)
        meta = {"phase": "ED" if number == end_diastole else "ES", "frame": number}
        if "Group" in facts:
            meta["diagnosis"] = facts["Group"]
        sources.append(Source(f"{patient}_frame{number:02d}", patient, tuple(paths), meta))
    return sources


def _info(path: Path) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in path.read_text(errors="replace").splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def read(source: Source) -> Case:
    """One volume in the order (slice, row, column); the phase is in `meta`, a scribble too if there is
    one."""
    if source.paths[0].suffix == ".h5":
        return _read_hdf5(source)
    image, label = source.paths[:2]
    case = read_case(image, label, classes=CLASSES, id=source.id, group=source.group)
    if case.label is None or case.spacing_mm is None:
        raise DataError(f"{image}: a NIfTI volume of ACDC needs a label and a spacing")
    order = [2, 1, 0]  # (column, row, slice) in the file
    affine = case.affine.copy()
    affine[:, :3] = affine[:, order]
    return case.with_(
        image=case.image.permute(0, 3, 2, 1).contiguous(),
        label=case.label.permute(order).contiguous(),
        spacing_mm=tuple(case.spacing_mm[axis] for axis in order),
        affine=affine,
        meta=source.facts,
    )


def _read_hdf5(source: Source) -> Case:
    import h5py

    path = source.paths[0]
    try:
        with h5py.File(path, "r") as file:
            image, label = file["image"][()], file["label"][()]
            scribble = file["scribble"][()] if "scribble" in file else None
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} is damaged or lacks an array ({error}): fetch it again") from error
    meta = dict(source.facts)
    if scribble is not None:
        meta["scribble"] = _drawn(scribble.astype(np.int64))
    return Case(
        torch.from_numpy(image.astype(np.float32, copy=False))[None],
        torch.from_numpy(label.astype(np.int64)),
        None,
        np.eye(4),
        source.id,
        source.group,
        CLASSES,
        meta,
    )


def _drawn(scribble: np.ndarray) -> Tensor:
    """Scribbles with -1 where nobody annotated; 0 is a scribble on the background."""
    return torch.from_numpy(np.where(scribble == _UNDRAWN, IGNORE, scribble))


DATASET = DataSet(
    name="acdc",
    title="ACDC cardiac cine MRI (training part)",
    description=(
        "Short-axis cine MRI at end-diastole and end-systole with right ventricle, myocardium and left "
        "ventricle. Slices are 5 to 10 mm apart. The HDF5 version has lost its spacing; the challenge states "
        "1.37 to 1.68 mm in-plane."
    ),
    classes=CLASSES,
    cases=120,
    licence=CC_BY_NC_SA_4,
    citations=(
        "O. Bernard, A. Lalande, C. Zotti, F. Cervenansky, et al. Deep Learning Techniques for Automatic MRI "
        "Cardiac Multi-structures Segmentation and Diagnosis: Is the Problem Solved? IEEE Transactions on "
        "Medical Imaging 37(11), 2514-2525, 2018.",
        "G. Valvano, A. Leo, S. A. Tsaftaris. Learning to Segment from Scribbles using Multi-scale "
        "Adversarial Attention Gates. IEEE Transactions on Medical Imaging 40(8), 2021. (scribbles)",
        "X. Luo, M. Hu, W. Liao, et al. Scribble-Supervised Medical Image Segmentation via Dual-Branch "
        "Network and Dynamically Mixed Pseudo Labels Supervision. MICCAI 2022. (the HDF5 version)",
    ),
    homepage="https://www.creatis.insa-lyon.fr/Challenge/acdc/",
    layout=(
        "ACDC_training_volumes/patientNNN_frameMM.h5, or patientNNN/patientNNN_frameMM{,_gt}.nii.gz and "
        "patientNNN/Info.cfg"
    ),
    folders=("acdc", "acdc-cardiac-mri", "ACDC", ""),
    phantom="cardiac_short_axis",
    find=find,
    read=read,
    instructions=(
        "ACDC asks for registration at https://www.creatis.insa-lyon.fr/Challenge/acdc/. Download the "
        "training part, or take the folder data/ACDC/ACDC_training_volumes of the public repository "
        "HiLab-git/WSL4MIS, then run `segkit data get acdc --from PATH` with the archive or the unpacked "
        "folder."
    ),
)
