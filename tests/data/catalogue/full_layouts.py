"""Tiny folders in the layouts in which the sets of the catalogue are published."""

from __future__ import annotations

import locale
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from segkit.data.catalogue.decathlon import TASKS
from tests.data.layouts import WRITERS, blocks, save_nifti, write_acdc_nifti

SHAPE = (12, 10, 6)
AFFINE = np.diag([-0.8, -0.8, 2.5, 1.0])
AFFINE[:3, 3] = 10, 20, -30


def ct(number: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(number).integers(-1000, 400, shape).astype(np.int16)


def pair(root: Path, image: str, label: str, n_classes: int, values: dict[int, int] | None = None) -> None:
    """One CT and its label, whose classes fill slabs; `values` are what the file holds instead of them."""
    drawn = blocks(SHAPE, n_classes)
    if values:
        drawn = np.vectorize(values.get)(drawn).astype(np.int16)
    save_nifti(root / image, ct(len(image)), AFFINE)
    save_nifti(root / label, drawn, AFFINE)


def write_task(root: Path, name: str) -> None:
    task = next(task for task in TASKS if task.name == name)
    for number in (1, 2, 10):
        case = f"{name}_{number:03d}.nii.gz"
        shape = (*SHAPE, len(task.channels)) if len(task.channels) > 1 else SHAPE
        image = np.random.default_rng(number).integers(0, 400, shape).astype(np.int16)
        save_nifti(root / task.folder / "imagesTr" / case, image, AFFINE)
        save_nifti(root / task.folder / "labelsTr" / case, blocks(SHAPE, len(task.classes)), AFFINE)
        (root / task.folder / "imagesTr" / f"._{case}").write_bytes(b"resource fork")
    save_nifti(root / task.folder / "imagesTs" / f"{name}_003.nii.gz", ct(3), AFFINE)


def write_btcv(root: Path) -> None:
    for number in (1, 2, 21):
        folder = f"RawData/Training/{{}}/{{}}{number:04d}.nii.gz"
        pair(root, folder.format("img", "img"), folder.format("label", "label"), 5)
    save_nifti(root / "RawData/Testing/img/img0061.nii.gz", ct(61), AFFINE)


def write_kits(root: Path) -> None:
    for number in (0, 400):
        folder = f"kits23/dataset/case_{number:05d}"
        pair(root, f"{folder}/imaging.nii.gz", f"{folder}/segmentation.nii.gz", 4)
        save_nifti(
            root / folder / "instances" / "kidney_instance-1_annotation-1.nii.gz", blocks(SHAPE, 2), AFFINE
        )


def write_lits(root: Path) -> None:
    for number, part in ((0, 1), (28, 2), (100, 2)):
        name = f"Training Batch {part}/{{}}-{number}.nii"
        pair(root, name.format("volume"), name.format("segmentation"), 3)


def write_mmwhs(root: Path, kind: str) -> None:
    values = dict(enumerate((0, 500, 600, 421 if kind == "mr" else 420, 550, 205, 820, 850)))
    for number in (1001, 1002):
        name = f"{kind}_train/{kind}_train_{number}_{{}}.nii.gz"
        pair(root, name.format("image"), name.format("label"), 8, values)
    save_nifti(root / f"{kind}_test" / f"{kind}_test_2001_image.nii.gz", ct(1), AFFINE)


def write_segthor(root: Path) -> None:
    for number in (1, 12):
        folder = f"train/Patient_{number:02d}"
        pair(root, f"{folder}/Patient_{number:02d}.nii.gz", f"{folder}/GT.nii.gz", 5)


def write_ribfrac(root: Path) -> None:
    fractures = {0: 0, 1: 3, 2: 1}
    for number, part in ((1, "train-{}-1/Part1"), (301, "train-{}-2/Part2"), (421, "val-{}")):
        folder = f"ribfrac-{part}"
        pair(
            root,
            f"{folder.format('images')}/RibFrac{number}-image.nii.gz",
            f"{folder.format('labels')}/RibFrac{number}-label.nii.gz",
            3,
            fractures,
        )
    save_nifti(root / "ribfrac-test-images" / "RibFrac501-image.nii.gz", ct(501), AFFINE)


def write_isic(root: Path) -> None:
    for number, part in ((1, "Training"), (2, "Training"), (3, "Validation"), (4, "Test")):
        name, drawn = f"ISIC_{number:07d}", np.zeros((30, 40), dtype=np.uint8)
        drawn[10:20, 5:25] = 255
        colours = np.random.default_rng(number).integers(0, 255, (30, 40, 3)).astype(np.uint8)
        for folder, array, file in (
            (f"ISIC2018_Task1-2_{part}_Input", colours, f"{name}.jpg"),
            (f"ISIC2018_Task1_{part}_GroundTruth", drawn, f"{name}_segmentation.png"),
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(root / folder / file)
    (root / "ISIC2018_Task1-2_Training_Input" / "ATTRIBUTION.txt").write_text("names")


CHAOS_GREY = {"ct": (0, 255), "mr": (0, 63, 126, 189, 252)}


@contextmanager
def same_locale() -> Iterator[None]:
    """The DICOM writer sets the locale of the whole process to "C": text would be read as ASCII after it."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)


def write_series(folder: Path, grey: tuple[int, ...], n: int = 5, *, hu: float = 0.0) -> None:
    """DICOM slices whose names run against their positions, and a mask per name."""
    import SimpleITK as sitk

    dicom, ground = folder / "DICOM_anon", folder / "Ground"
    dicom.mkdir(parents=True)
    ground.mkdir()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(n):
        pixels = np.full((8, 10), 100 * k, dtype=np.int16)
        pixels[2, 3] = 1000
        image = sitk.GetImageFromArray(pixels)
        image.SetSpacing((1.5, 1.25))
        for tag, value in {
            "0008|0060": "MR",
            "0020|000e": "1.2.3",
            "0020|0032": f"-7\\5\\{60.0 - 4 * k}",  # the later its name, the lower it lies
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(k),
            "0018|0050": "4",
            "0028|1052": str(hu),
            "0028|1053": "1",
        }.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(dicom / f"IMG-{k:04d}.dcm"))
        with same_locale():
            writer.Execute(image)
        mask = np.zeros((8, 10), dtype=np.uint8)
        mask[2, 3] = grey[1 + k % (len(grey) - 1)]
        Image.fromarray(mask).save(ground / f"IMG-{k:04d}.png")


def write_chaos_original(root: Path, kind: str) -> None:
    inner = {"ct": "CT/{}", "mr": "MR/{}/T2SPIR"}[kind]
    for patient in (2, 10):
        write_series(root / "Train_Sets" / inner.format(patient), CHAOS_GREY[kind])


FULL_WRITERS = {
    **{task.name: (lambda root, name=task.name: write_task(root, name)) for task in TASKS},
    **WRITERS,
    "acdc": write_acdc_nifti,
    "btcv": write_btcv,
    "kits": write_kits,
    "lits": write_lits,
    "chaos_ct": lambda root: write_chaos_original(root, "ct"),
    "chaos_mr": lambda root: write_chaos_original(root, "mr"),
    "mmwhs_ct": lambda root: write_mmwhs(root, "ct"),
    "mmwhs_mr": lambda root: write_mmwhs(root, "mr"),
    "segthor": write_segthor,
    "ribfrac": write_ribfrac,
    "isic2018": write_isic,
}
