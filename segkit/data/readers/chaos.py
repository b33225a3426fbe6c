"""`chaos`: T2-SPIR MRI of the abdomen, slices six times as thick as pixels are wide.

These are not the challenge's DICOM files: a few-shot pipeline (Ouyang et al. 2020) cut the brightest 0.5 % of
each histogram, resampled to 1.25 × 1.25 × 7.7 mm and cropped or padded to 256 × 256. Values are whole numbers
although the files hold float64; images become float32, labels int64. Voxel axes point left, anterior,
superior (LAS), three patients lying up to 1.3 degrees oblique; the affine is kept. A second public copy
differs along the edges of organs by 0.002 to 0.03 Dice: do not read a smaller difference than about 0.01 as
a finding.
"""

from __future__ import annotations

import re
from pathlib import Path

from segkit.data.case import Case
from segkit.data.dataset import CC_BY_NC_SA_4, DataSet, Remote, Source, first_folder, listed
from segkit.data.nifti import read_case

CLASSES = ("background", "liver", "right kidney", "left kidney", "spleen")
PATIENTS = (1, 2, 3, 5, 8, 10, 13, 15, 19, 20, 21, 22)
_NAME = re.compile(r"image_(\d+)\.nii(\.gz)?")
_FOLDER = "chaos_MR_T2_normalized"
# The repository received the volumes in two commits. An address that lacks a file answers 404, and the next
# is tried.
_RAW = "https://raw.githubusercontent.com/shenqq377/Q-Net/{commit}/data/CHAOST2/{path}"
_COMMITS = ("8d65e35f4f32f92c9bb8df5f5bd35f5f5a086cc6", "199312e9cf205403c14cef946aad0e61ff51661e")


def find(root: Path) -> list[Source]:
    """Image and label by patient number, in the order of the numbers."""
    sources = []
    for image in listed(first_folder(root, _FOLDER, ""), "image_*.nii*"):
        if match := _NAME.fullmatch(image.name):
            name = f"chaos_{int(match[1]):02d}"
            label = image.with_name(image.name.replace("image_", "label_"))
            sources.append(Source(name, name, (image, label)))
    return sorted(sources, key=lambda source: source.id)


def read(source: Source) -> Case:
    """Intensities 0 to about 1000 as stored, LAS affine kept."""
    image, label = source.paths
    return read_case(image, label, classes=CLASSES, id=source.id, group=source.group)


DATASET = DataSet(
    name="chaos",
    title="CHAOS T2-SPIR abdominal MRI (resampled)",
    description=(
        "Fat-suppressed T2 MRI of healthy abdomens with liver, kidneys and spleen. Voxels of 1.25 × 1.25 × "
        "7.7 mm: take care with 3-D patches and with surface distances."
    ),
    classes=CLASSES,
    cases=12,
    licence=CC_BY_NC_SA_4,
    citations=(
        "A. E. Kavur, N. S. Gezer, M. Baris, et al. CHAOS Challenge - combined (CT-MR) healthy abdominal "
        "organ segmentation. Medical Image Analysis 69, 101950, 2021.",
        "A. E. Kavur, M. A. Selver, O. Dicle, M. Baris, N. S. Gezer. CHAOS - Combined (CT-MR) Healthy "
        "Abdominal Organ Segmentation Challenge Data. Zenodo, 2019. doi:10.5281/zenodo.3362844",
        "C. Ouyang, C. Biffi, C. Chen, et al. Self-Supervision with Superpixels: Training Few-shot Medical "
        "Image Segmentation without Annotation. ECCV 2020. (the resampling)",
    ),
    homepage="https://chaos.grand-challenge.org",
    layout=f"{_FOLDER}/image_N.nii.gz and {_FOLDER}/label_N.nii.gz",
    folders=("chaos", "chaos-t2-abdominal-mri", "CHAOST2", ""),
    phantom="mr_abdomen",
    find=find,
    read=read,
    files=tuple(
        Remote(path, tuple(_RAW.format(commit=commit, path=path) for commit in _COMMITS))
        for patient in PATIENTS
        for kind in ("image", "label")
        for path in [f"{_FOLDER}/{kind}_{patient}.nii.gz"]
    ),
)
