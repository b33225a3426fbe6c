"""Organs and tumours of the abdomen: BTCV, KiTS, LiTS, CHAOS."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from segkit.data.catalogue.dicom_series import find_series, read_series
from segkit.data.catalogue.full_set import FullSet
from segkit.data.catalogue.lean_nifti import read_pair
from segkit.data.catalogue.pairs import Pairs
from segkit.data.dataset import CC_BY_NC_SA_4, Licence, Remote
from segkit.data.readers.chaos import CLASSES as CHAOS_CLASSES
from segkit.data.readers.chaos import DATASET as CHAOS_BOOK

BTCV = FullSet(
    name="btcv",
    title="BTCV, Multi-Atlas Labeling Beyond the Cranial Vault (abdomen, training part)",
    description="CT of the abdomen in the portal venous phase with 13 organs and vessels.",
    classes=(
        "background",
        "spleen",
        "right kidney",
        "left kidney",
        "gallbladder",
        "esophagus",
        "liver",
        "stomach",
        "aorta",
        "inferior vena cava",
        "portal and splenic veins",
        "pancreas",
        "right adrenal gland",
        "left adrenal gland",
    ),
    cases=30,
    licence=Licence(
        "LicenseRef-BTCV",
        "The terms that you accept when you join the challenge; they bind you, read them there.",
        "https://www.synapse.org/Synapse:syn3193805/wiki/217789",
    ),
    citations=(
        "B. Landman, Z. Xu, J. E. Iglesias, M. Styner, T. R. Langerak, A. Klein. Multi-Atlas Labeling Beyond "
        "the Cranial Vault: Workshop and Challenge. MICCAI 2015. doi:10.7303/syn3193805",
    ),
    homepage="https://www.synapse.org/Synapse:syn3193805",
    layout="RawData/Training/img/imgNNNN.nii.gz and RawData/Training/label/labelNNNN.nii.gz",
    folders=("btcv", "BTCV"),
    find=Pairs(
        r"Training/img/img(\d{4})\.nii(\.gz)?",
        r"Training/label/label\1.nii\2",
        r"btcv_\1",
        unlabelled=r"Testing/img/img(\d{4})\.nii(\.gz)?",
    ),
    instructions=(
        "BTCV asks for registration: join the challenge at https://www.synapse.org/Synapse:syn3193805, "
        "download RawData.zip (Files, Abdomen, RawData) and run `segkit data prepare btcv --from PATH`."
    ),
    modality="ct",
    channels=("CT",),
    read=read_pair,
    used_for="fine-tuning after local self-supervision",
    spacing_mm=(0.76, 0.76, 3.0),
)

KITS_CASES = (*range(300), *range(400, 589))
"""Numbers of the training cases, as the organisers' package lists them (TRAINING_CASE_NUMBERS)."""
_KITS_LABELS = "https://raw.githubusercontent.com/neheller/kits23/main/dataset"
_KITS_IMAGES = "https://kits19.sfo2.digitaloceanspaces.com"

KITS = FullSet(
    name="kits",
    title="KiTS23, kidneys and their tumours (training part)",
    description=(
        "CT of the abdomen in the corticomedullary or nephrogenic phase with kidneys, tumours and cysts. The "
        "organisers publish no hashes."
    ),
    classes=("background", "kidney", "tumour", "cyst"),
    cases=489,
    licence=CC_BY_NC_SA_4,
    citations=(
        "N. Heller, F. Isensee, D. Trofimova, et al. The KiTS21 Challenge: Automatic segmentation of "
        "kidneys, renal tumors, and renal cysts in corticomedullary-phase CT. arXiv:2307.01984, 2023.",
        "N. Heller, F. Isensee, K. H. Maier-Hein, et al. The state of the art in kidney and kidney tumor "
        "segmentation in contrast-enhanced CT imaging: Results of the KiTS19 challenge. Medical Image "
        "Analysis 67, 101821, 2021.",
    ),
    homepage="https://kits-challenge.org/kits23/",
    layout="dataset/case_NNNNN/imaging.nii.gz and dataset/case_NNNNN/segmentation.nii.gz",
    folders=("kits", "kits23", "kits19"),
    find=Pairs(r"case_(\d{5})/imaging\.nii\.gz", r"case_\1/segmentation.nii.gz", r"kits_\1"),
    files=tuple(
        Remote(f"dataset/case_{number:05d}/{file}", (url.format(number),))
        for number in KITS_CASES
        for file, url in (
            ("imaging.nii.gz", f"{_KITS_IMAGES}/master_{{:05d}}.nii.gz"),
            ("segmentation.nii.gz", f"{_KITS_LABELS}/case_{{:05d}}/segmentation.nii.gz"),
        )
    ),
    modality="ct",
    channels=("CT",),
    read=read_pair,
    used_for="fine-tuning after local self-supervision, loss envelopes on tumours and cysts",
    spacing_mm=(0.8, 0.8, 1.0),
)

LITS = FullSet(
    name="lits",
    title="LiTS, liver tumours (training part)",
    description=(
        "CT of the abdomen with liver and tumours. The same volumes are Task03 of the Decathlon (`liver`), "
        "which can be downloaded without registration."
    ),
    classes=("background", "liver", "tumour"),
    cases=131,
    licence=Licence(
        "LicenseRef-LiTS",
        "The terms of the challenge; they bind you, read them there.",
        "https://competitions.codalab.org/competitions/17094",
    ),
    citations=(
        "P. Bilic, P. Christ, H. B. Li, et al. The Liver Tumor Segmentation Benchmark (LiTS). Medical Image "
        "Analysis 84, 102680, 2023.",
    ),
    homepage="https://competitions.codalab.org/competitions/17094",
    layout="volume-N.nii and segmentation-N.nii, in one folder or in several",
    folders=("lits", "LiTS", "LITS17"),
    find=Pairs(r"volume-(\d+)\.nii(\.gz)?", r"segmentation-\1.nii\2", r"lits_\1", anywhere=True),
    instructions=(
        "LiTS asks for registration: join the competition at "
        "https://competitions.codalab.org/competitions/17094, download the training batches 1 and 2, put "
        "both into one folder and run `segkit data prepare lits --from FOLDER`; or use the same volumes as "
        "`liver`."
    ),
    modality="ct",
    channels=("CT",),
    read=read_pair,
    used_for="fine-tuning after local self-supervision",
    spacing_mm=(0.77, 0.77, 1.0),
)

_CHAOS = Remote(
    "CHAOS_Train_Sets.zip",
    ("https://zenodo.org/records/3431873/files/CHAOS_Train_Sets.zip?download=1",),
    # As torch-em publishes it (torch_em.data.datasets.medical.chaos); a second public repository agrees.
    hash="sha256:535f7d3417a0e0f0d9133fb3d962423d2a9cf3f103e4f09a3d8a1daf87d5d2fc",
    unpack=True,
)

CHAOS_MR = FullSet(
    name="chaos_mr",
    title="CHAOS T2-SPIR abdominal MRI (original, training part)",
    description=(
        "Fat-suppressed T2 MRI of healthy abdomens with liver, kidneys and spleen, as the organisers publish "
        "it: DICOM slices and PNG masks on the scanner's grid. The book's `chaos` is a resampled part of it."
    ),
    classes=CHAOS_CLASSES,
    cases=20,
    licence=CC_BY_NC_SA_4,
    citations=CHAOS_BOOK.citations[:2],
    homepage=CHAOS_BOOK.homepage,
    layout="Train_Sets/MR/N/T2SPIR/{DICOM_anon/*.dcm,Ground/*.png}",
    folders=("chaos_mr", "CHAOS_Train_Sets", "CHAOS"),
    find=partial(
        find_series, kind="MR", series=("T2SPIR/DICOM_anon",), masks="T2SPIR/Ground", prefix="chaos_mr"
    ),
    files=(_CHAOS,),
    modality="mr",
    channels=("T2-SPIR",),
    # Grey values as the page of the challenge tells them.
    read=partial(read_series, classes={0: 0, 63: 1, 126: 2, 189: 3, 252: 4}),
    used_for="local self-supervision on thick slices",
    spacing_mm=(1.5, 1.5, None),
    gigabytes=0.89,
)

CHAOS_CT = replace(
    CHAOS_MR,
    name="chaos_ct",
    title="CHAOS abdominal CT (original, training part)",
    description="CT of healthy liver donors in the portal phase with the liver.",
    classes=("background", "liver"),
    layout="Train_Sets/CT/N/{DICOM_anon/*.dcm,Ground/*.png}",
    folders=("chaos_ct", "CHAOS_Train_Sets", "CHAOS"),
    find=partial(find_series, kind="CT", series=("DICOM_anon",), masks="Ground", prefix="chaos_ct"),
    modality="ct",
    channels=("CT",),
    read=partial(read_series, classes={0: 0, 1: 1, 255: 1}),
    used_for="a first CT at full size that can be downloaded",
    spacing_mm=(0.75, 0.75, 3.0),
)

SETS = (BTCV, KITS, LITS, CHAOS_MR, CHAOS_CT)
