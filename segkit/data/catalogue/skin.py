"""Photographs of skin: ISIC 2018."""

from __future__ import annotations

from segkit.data.catalogue.full_set import FullSet
from segkit.data.catalogue.pairs import Pairs
from segkit.data.catalogue.photographs import read_photograph
from segkit.data.dataset import CC_BY_NC_4, Remote

_ADDRESS = "https://isic-challenge-data.s3.amazonaws.com/2018/ISIC2018_{}.zip"
# As torch-em publishes them (torch_em.data.datasets.medical.isic).
_SHA256 = {
    "Task1-2_Training_Input": "80f98572347a2d7a376227fa9eb2e4f7459d317cb619865b8b9910c81446675f",
    "Task1-2_Validation_Input": "0ea920fcfe512d12a6e620b50b50233c059f67b10146e1479c82be58ff15a797",
    "Task1-2_Test_Input": "e59ae1f69f4ed16f09db2cb1d76c2a828487b63d28f6ab85997f5616869b127d",
    "Task1_Training_GroundTruth": "99f8b2bb3c4d6af483362010715f7e7d5d122d9f6c02cac0e0d15bef77c7604c",
    "Task1_Validation_GroundTruth": "f6911e9c0a64e6d687dd3ca466ca927dd5e82145cb2163b7a1e5b37d7a716285",
    "Task1_Test_GroundTruth": "2e8f6edce454a5bdee52485e39f92bd6eddf357e81f39018d05512175238ef82",
}

ISIC = FullSet(
    name="isic2018",
    title="ISIC 2018, skin lesions (task 1)",
    description=(
        "Dermoscopic photographs with the outline of one lesion: 2594 images for training, 100 for "
        "validation, 1000 for the test. They are resized to 384 by 512 pixels whatever their shape. The "
        "release does not say which images show one person, so an image is its own group."
    ),
    classes=("background", "lesion"),
    cases=3694,
    licence=CC_BY_NC_4,
    citations=(
        "N. Codella, V. Rotemberg, P. Tschandl, et al. Skin Lesion Analysis Toward Melanoma Detection 2018: "
        "A Challenge Hosted by the International Skin Imaging Collaboration (ISIC). arXiv:1902.03368, 2019.",
        "P. Tschandl, C. Rosendahl, H. Kittler. The HAM10000 dataset, a large collection of multi-source "
        "dermatoscopic images of common pigmented skin lesions. Scientific Data 5, 180161, 2018.",
    ),
    homepage="https://challenge.isic-archive.com/data/#2018",
    layout=(
        "ISIC2018_Task1-2_{Training,Validation,Test}_Input/ISIC_NNNNNNN.jpg and "
        "ISIC2018_Task1_{Training,Validation,Test}_GroundTruth/ISIC_NNNNNNN_segmentation.png"
    ),
    folders=("isic2018", "ISIC2018"),
    find=Pairs(
        r"(?:[^/]*_(?P<official>Training|Validation|Test)_Input/(?:[^/]+/)*)?(ISIC_\d{7})\.jpg",
        r"\2_segmentation.png",
        r"\2",
        anywhere=True,
    ),
    files=tuple(
        Remote(f"ISIC2018_{part}.zip", (_ADDRESS.format(part),), hash=f"sha256:{sha}", unpack=True)
        for part, sha in _SHA256.items()
    ),
    modality="rgb",
    channels=("red", "green", "blue"),
    read=read_photograph,
    used_for="loss envelopes and coarse and refined consistency on photographs",
    size=(384, 512),
    gigabytes=14.0,
)

SETS = (ISIC,)
