"""Heart and chest: ACDC with its spacing, MM-WHS, SegTHOR, RibFrac."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from segkit.data.catalogue.full_set import FullSet, of_the_book
from segkit.data.catalogue.lean_nifti import read_pair
from segkit.data.catalogue.pairs import Pairs
from segkit.data.dataset import CC_BY_NC_4, Licence, Remote, Source
from segkit.data.prepared.scan import Scan
from segkit.data.readers import acdc


def find_acdc(root: Path) -> list[Source]:
    """Volumes of the training and the test part of the original, or of the HDF5 copy."""
    found = acdc.find(root)
    for folder in (root / "testing", root / "database" / "testing"):
        found += [replace(one, facts={**one.facts, "official": "test"}) for one in acdc.find(folder)]
    return found


ACDC = replace(
    of_the_book(
        acdc.DATASET,
        modality="mr",
        channels=("cine MRI",),
        used_for="coarse and refined consistency, loss envelopes, masks of the heart",
        spacing_mm=(1.5, 1.5, None),
        gigabytes=2.3,
    ),
    find=find_acdc,
    title="ACDC cardiac cine MRI",
    cases=300,
    description=(
        "Short-axis cine MRI at end-diastole and end-systole with right ventricle, myocardium and left "
        "ventricle: 100 patients for training and 50 for the test, with spacing. The HDF5 copy of the "
        "training part, which has lost its spacing, is taken too where it is at hand."
    ),
    files=(
        Remote(
            "ACDC.zip",
            (
                "https://humanheart-project.creatis.insa-lyon.fr/database/api/v1/collection/"
                "637218c173e9f0047faa00fb/download",
            ),
            # As torch-em publishes it (torch_em.data.datasets.medical.acdc).
            hash="sha256:2787e08b0d3525cbac710fc3bdf69ee7c5fd7446472e49db8bc78548802f6b5e",
            unpack=True,
        ),
    ),
    instructions="",
)

_WHS_CLASSES = (
    "background",
    "left ventricle",
    "right ventricle",
    "left atrium",
    "right atrium",
    "myocardium",
    "ascending aorta",
    "pulmonary artery",
)
# 421 stands for 420 in some files.
_WHS_VALUES = {0: 0, 500: 1, 600: 2, 420: 3, 421: 3, 550: 4, 205: 5, 820: 6, 850: 7}

MMWHS_CT = FullSet(
    name="mmwhs_ct",
    title="MM-WHS whole heart, CT (training part)",
    description="CT angiography of the chest with the chambers, the myocardium and the great vessels.",
    classes=_WHS_CLASSES,
    cases=20,
    licence=Licence(
        "LicenseRef-MM-WHS",
        "The terms that you accept on registration; they bind you, read them there.",
        "https://zmiclab.github.io/zxh/0/mmwhs/",
    ),
    citations=(
        "X. Zhuang, L. Li, C. Payer, et al. Evaluation of algorithms for Multi-Modality Whole Heart "
        "Segmentation: An open-access grand challenge. Medical Image Analysis 58, 101537, 2019.",
        "X. Zhuang, J. Shen. Multi-scale patch and multi-modality atlases for whole heart segmentation of "
        "MRI. Medical Image Analysis 31, 77-87, 2016.",
    ),
    homepage="https://zmiclab.github.io/zxh/0/mmwhs/",
    layout="ct_train_NNNN_image.nii.gz and ct_train_NNNN_label.nii.gz, in one folder or in several",
    folders=("mmwhs_ct", "mmwhs", "MM-WHS", "MMWHS"),
    find=Pairs(
        r"(ct_train_\d{4})_image\.nii(\.gz)?",
        r"\1_label.nii\2",
        r"\1",
        anywhere=True,
        unlabelled=r"(ct_test_\d{4})_image\.nii(\.gz)?",
    ),
    instructions=(
        "MM-WHS asks for registration at https://zmiclab.github.io/zxh/0/mmwhs/. Download the training data "
        "and run `segkit data prepare NAME --from FOLDER` with the folder of the archives or of the unpacked "
        "files; NAME is mmwhs_ct or mmwhs_mr."
    ),
    modality="ct",
    channels=("CT",),
    read=partial(read_pair, classes=_WHS_VALUES),
    used_for="masks of the heart: 20 cases, as in the paper's split 12 : 3 : 5",
    spacing_mm=(0.8, 0.8, 0.8),
)

MMWHS_MR = replace(
    MMWHS_CT,
    name="mmwhs_mr",
    title="MM-WHS whole heart, MRI (training part)",
    description="Whole-heart MRI with the chambers, the myocardium and the great vessels.",
    layout="mr_train_NNNN_image.nii.gz and mr_train_NNNN_label.nii.gz, in one folder or in several",
    folders=("mmwhs_mr", "mmwhs", "MM-WHS", "MMWHS"),
    find=Pairs(
        r"(mr_train_\d{4})_image\.nii(\.gz)?",
        r"\1_label.nii\2",
        r"\1",
        anywhere=True,
        unlabelled=r"(mr_test_\d{4})_image\.nii(\.gz)?",
    ),
    modality="mr",
    channels=("MRI",),
    spacing_mm=(1.0, 1.0, 1.0),
)

SEGTHOR = FullSet(
    name="segthor",
    title="SegTHOR, organs at risk in the chest (training part)",
    description="CT of patients with lung or esophageal cancer with esophagus, heart, trachea and aorta.",
    classes=("background", "esophagus", "heart", "trachea", "aorta"),
    cases=40,
    licence=Licence(
        "LicenseRef-SegTHOR",
        "The challenge asks for a signed agreement; a later copy by others states CC-BY-4.0. Read the terms.",
        "https://competitions.codalab.org/competitions/21145",
    ),
    citations=(
        "Z. Lambert, C. Petitjean, B. Dubray, S. Ruan. SegTHOR: Segmentation of Thoracic Organs at Risk in "
        "CT images. IPTA 2020. arXiv:1912.05950.",
    ),
    homepage="https://competitions.codalab.org/competitions/21145",
    layout="Patient_NN/Patient_NN.nii.gz and Patient_NN/GT.nii.gz",
    folders=("segthor", "SegTHOR"),
    find=Pairs(r"Patient_(\d\d)/Patient_\1\.nii(\.gz)?", r"Patient_\1/GT.nii\2", r"segthor_\1"),
    instructions=(
        "SegTHOR asks for an agreement: join at https://competitions.codalab.org/competitions/21145 and "
        "download the training part. A copy by others lies at https://doi.org/10.5281/zenodo.16663661; "
        "decide for yourself whether you may use it. Then run `segkit data prepare segthor --from PATH`."
    ),
    modality="ct",
    channels=("CT",),
    read=read_pair,
    used_for="masks of the body's outline, voxel metrics on the low contrast of the esophagus",
    spacing_mm=(0.98, 0.98, 2.5),
)


def read_ribfrac(source: Source) -> Scan:
    """Every fracture, whatever its number in the label file, is one class."""
    return read_pair(source, classes={value: int(value > 0) for value in range(128)})


_RIBFRAC = "https://zenodo.org/records/{}/files/ribfrac-{}.zip?download=1"

RIBFRAC = FullSet(
    name="ribfrac",
    title="RibFrac, rib fractures (training and tuning parts)",
    description=(
        "CT of the chest with rib fractures as one class. Fractures of one scan have numbers in the files; "
        "their kind stands in tables that are not used here."
    ),
    classes=("background", "fracture"),
    cases=500,
    licence=CC_BY_NC_4,
    citations=(
        "L. Jin, J. Yang, K. Kuang, et al. Deep-learning-assisted detection and segmentation of rib "
        "fractures from CT scans: Development and validation of FracNet. EBioMedicine 62, 103106, 2020.",
        "J. Yang, R. Shi, L. Jin, et al. Deep Rib Fracture Instance Segmentation and Classification from CT "
        "on the RibFrac Challenge. arXiv:2402.09372, 2024.",
    ),
    homepage="https://ribfrac.grand-challenge.org",
    layout="RibFracN-image.nii.gz and RibFracN-label.nii.gz, in folders whose names hold train or val",
    folders=("ribfrac", "RibFrac"),
    find=Pairs(
        r"(?:[^/]*(?P<official>train|val)[^/]*/(?:[^/]+/)*)?(RibFrac\d+)-image\.nii\.gz",
        r"\2-label.nii.gz",
        r"\2",
        anywhere=True,
        unlabelled=r"[^/]*test[^/]*/((?:[^/]+/)*)(RibFrac\d+)-image\.nii\.gz",
    ),
    files=tuple(
        Remote(f"ribfrac-{part}.zip", (_RIBFRAC.format(record, part),), hash=hash, unpack=True)
        for record, part, hash in (
            (3893508, "train-images-1", None),
            (3893508, "train-labels-1", None),
            (3893498, "train-images-2", None),
            (3893498, "train-labels-2", None),
            # As torch-em publishes it (torch_em.data.datasets.medical.ribseg); nobody publishes the others.
            (
                3893496,
                "val-images",
                "sha256:786cc14bf4ea55e93325d657d0e6490f4a1a7c8d073522404751b961dab95e24",
            ),
            (3893496, "val-labels", None),
        )
    ),
    modality="ct",
    channels=("CT",),
    read=read_ribfrac,
    used_for="local self-supervision, as in the paper",
    spacing_mm=(0.8, 0.8, 1.25),
    gigabytes=60.0,
)

SETS = (ACDC, MMWHS_CT, MMWHS_MR, SEGTHOR, RIBFRAC)
