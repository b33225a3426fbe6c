"""`hippocampus`: MSD Task04, small T1 crops around one hippocampus.

Things to know: the scale of intensities differs from case to case by four orders of magnitude, so normalise
every image by itself; two label files are stored as float32; the release does not say which images belong to
one person, so a case is its own group.
"""

from __future__ import annotations

from pathlib import Path

from segkit.data.case import Case
from segkit.data.dataset import CC_BY_SA_4, DataSet, Remote, Source, first_folder, listed
from segkit.data.nifti import read_case

CLASSES = ("background", "anterior", "posterior")


def find(root: Path) -> list[Source]:
    """Cases below `imagesTr`; each needs the label of the same name in `labelsTr`."""
    folder = first_folder(root, "Task04_Hippocampus/imagesTr", "imagesTr")
    sources = []
    for image in listed(folder, "hippocampus_*.nii*"):
        name = image.name.split(".")[0]
        sources.append(Source(name, name, (image, image.parents[1] / "labelsTr" / image.name)))
    return sources


def read(source: Source) -> Case:
    """Raw intensities; voxel axes are RAS by header."""
    image, label = source.paths
    return read_case(image, label, classes=CLASSES, id=source.id, group=source.group)


DATASET = DataSet(
    name="hippocampus",
    title="Medical Segmentation Decathlon, Task04 Hippocampus",
    description=(
        "T1-weighted MRI cropped around one hippocampus at 1 mm, with its anterior part (head) and posterior "
        "part (body and tail). Intensity scales differ by four orders of magnitude between cases."
    ),
    classes=CLASSES,
    cases=260,
    licence=CC_BY_SA_4,
    citations=(
        "A. L. Simpson, M. Antonelli, S. Bakas, et al. A large annotated medical image dataset for the "
        "development and evaluation of segmentation algorithms. arXiv:1902.09063, 2019.",
        "M. Antonelli, A. Reinke, S. Bakas, et al. The Medical Segmentation Decathlon. Nature Communications "
        "13, 4128, 2022.",
    ),
    homepage="http://medicaldecathlon.com",
    layout="Task04_Hippocampus/{imagesTr,labelsTr}/hippocampus_NNN.nii.gz",
    folders=("hippocampus", "msd-task04-hippocampus", ""),
    phantom="hippocampus",
    find=find,
    read=read,
    # MD5 as MONAI publishes it (monai.apps.DecathlonDataset.md5). The second address is the organisers' own
    # copy.
    files=(
        Remote(
            "Task04_Hippocampus.tar",
            (
                "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task04_Hippocampus.tar",
                "https://drive.google.com/uc?id=1RzPB1_bqzQhlWvU-YGvZzhx2omcDh38C&export=download",
            ),
            hash="md5:9d24dba78a72977dbd1d2e110310f31b",
            unpack=True,
        ),
    ),
)
