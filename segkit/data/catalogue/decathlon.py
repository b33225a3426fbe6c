"""The ten tasks of the Medical Segmentation Decathlon: one layout, one reader, a table.

MD5 sums are those that MONAI publishes (`monai.apps.DecathlonDataset`). The labels of `imagesTs` were never
published: these images are prepared on request, for training without labels. The release does not say which
images belong to one person, so a case is its own group.
"""

from __future__ import annotations

from typing import NamedTuple

from segkit.data.catalogue.full_set import FullSet
from segkit.data.catalogue.lean_nifti import read_pair
from segkit.data.catalogue.pairs import Pairs
from segkit.data.dataset import CC_BY_SA_4, Remote
from segkit.data.prepared.layout import Spacing
from segkit.data.readers.hippocampus import DATASET as HIPPOCAMPUS

FIND = Pairs(
    r"imagesTr/([^/.]+)\.nii(\.gz)?", r"labelsTr/\1.nii\2", r"\1", unlabelled=r"imagesTs/([^/.]+)\.nii(\.gz)?"
)


class Task(NamedTuple):
    """A row of the table."""

    name: str
    folder: str
    what: str
    modality: str
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    cases: int
    spacing_mm: Spacing
    gigabytes: float
    md5: str
    used_for: str


TASKS = (
    Task(
        "brain_tumour",
        "Task01_BrainTumour",
        "MRI of gliomas in four contrasts",
        "mr",
        ("FLAIR", "T1", "T1 with contrast agent", "T2"),
        ("background", "edema", "non-enhancing tumour", "enhancing tumour"),
        484,
        (1.0, 1.0, 1.0),
        7.1,
        "240a19d752f0d9e9101544901065d872",
        "several channels in every recipe",
    ),
    Task(
        "heart",
        "Task02_Heart",
        "MRI of the chest",
        "mr",
        ("MRI",),
        ("background", "left atrium"),
        20,
        (1.25, 1.25, 1.37),
        0.43,
        "06ee59366e1e5124267b774dbd654057",
        "few labels: masks of the heart, coarse and refined consistency",
    ),
    Task(
        "liver",
        "Task03_Liver",
        "CT of the abdomen, the training volumes of LiTS",
        "ct",
        ("CT",),
        ("background", "liver", "tumour"),
        131,
        (0.77, 0.77, 1.0),
        27.0,
        "a90ec6c4aa7f6a3d087205e23d4e6397",
        "local self-supervision and its fine-tuning, loss envelopes on small tumours",
    ),
    Task(
        "prostate",
        "Task05_Prostate",
        "MRI of the prostate",
        "mr",
        ("T2", "ADC"),
        ("background", "peripheral zone", "transition zone"),
        32,
        (0.62, 0.62, 3.6),
        0.23,
        "35138f08b1efaef89d7424d2bcc928db",
        "voxel metrics: a prostate with public labels, in place of the paper's private CT",
    ),
    Task(
        "lung",
        "Task06_Lung",
        "CT of the chest",
        "ct",
        ("CT",),
        ("background", "tumour"),
        63,
        (0.79, 0.79, 1.24),
        8.5,
        "8afd997733c7fc0432f71255ba4e52dc",
        "loss envelopes on small tumours",
    ),
    Task(
        "pancreas",
        "Task07_Pancreas",
        "CT of the abdomen",
        "ct",
        ("CT",),
        ("background", "pancreas", "tumour"),
        281,
        (0.8, 0.8, 2.5),
        11.5,
        "4f7080cfca169fa8066d17ce6eb061e4",
        "voxel metrics on low contrast, local self-supervision",
    ),
    Task(
        "hepatic_vessel",
        "Task08_HepaticVessel",
        "CT of the abdomen",
        "ct",
        ("CT",),
        ("background", "vessel", "tumour"),
        303,
        (0.8, 0.8, 1.5),
        8.7,
        "641d79e80ec66453921d997fbf12a29c",
        "local self-supervision",
    ),
    Task(
        "spleen",
        "Task09_Spleen",
        "CT of the abdomen",
        "ct",
        ("CT",),
        ("background", "spleen"),
        41,
        (0.79, 0.79, 1.6),
        1.5,
        "410d4a301da4e5b2f6f86ec3ddba524e",
        "fine-tuning after local self-supervision, few labels",
    ),
    Task(
        "colon",
        "Task10_Colon",
        "CT of the abdomen",
        "ct",
        ("CT",),
        ("background", "tumour"),
        126,
        (0.78, 0.78, 3.0),
        5.8,
        "bad7a188931dc2f6acf72b08eb6202d0",
        "local self-supervision, loss envelopes on a hard structure",
    ),
)
"""Without `hippocampus` (Task04), which is a set of the book. Sizes are those of the archives, about."""


def entry(task: Task) -> FullSet:
    """The catalogue's entry of a task."""
    archive = f"{task.folder}.tar"
    return FullSet(
        name=task.name,
        title=f"Medical Segmentation Decathlon, {task.folder.replace('_', ' ')}",
        description=f"{task.what}: {', '.join(task.classes[1:])}. The labelled part of the release.",
        classes=task.classes,
        cases=task.cases,
        licence=CC_BY_SA_4,
        citations=HIPPOCAMPUS.citations,
        homepage=HIPPOCAMPUS.homepage,
        layout=f"{task.folder}/{{imagesTr,labelsTr}}/NAME_NNN.nii.gz",
        folders=(task.name, task.folder),
        find=FIND,
        files=(
            Remote(
                archive,
                (f"https://msd-for-monai.s3-us-west-2.amazonaws.com/{archive}",),
                hash=f"md5:{task.md5}",
                unpack=True,
            ),
        ),
        modality=task.modality,
        channels=task.channels,
        read=read_pair,
        used_for=task.used_for,
        spacing_mm=task.spacing_mm,
        gigabytes=task.gigabytes,
    )


SETS = tuple(entry(task) for task in TASKS)
