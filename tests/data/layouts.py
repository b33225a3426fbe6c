"""Write tiny data sets in the layouts of the five real ones, quirks included."""

from __future__ import annotations

import gzip
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
from PIL import Image, ImageDraw

LAS = np.array([[-1.25, 0, 0, 190.0], [0, 1.25, 0, -200.0], [0, 0, 7.7, -77.0], [0, 0, 0, 1]])


def save_nifti(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


def blocks(shape: tuple[int, ...], n_classes: int) -> np.ndarray:
    """A label map in which every class fills a slab along the first axis."""
    label = np.zeros(shape, dtype=np.uint8)
    step = shape[0] // (n_classes + 1)
    for value in range(1, n_classes):
        label[value * step : (value + 1) * step] = value
    return label


def write_hippocampus(root: Path) -> Path:
    """Scales four orders of magnitude apart, one label as float32, the companions that macOS packs along."""
    folder, affine = root / "Task04_Hippocampus", np.eye(4)
    affine[:3, 3] = 1
    for number, (scale, kind) in enumerate([(100.0, np.uint8), (1_700_000.0, np.float32)], start=1):
        shape = (6 + number, 8, 7)
        image = np.random.default_rng(number).random(shape, dtype=np.float32) * scale
        name = f"hippocampus_{number:03d}.nii.gz"
        save_nifti(folder / "imagesTr" / name, image, affine)
        save_nifti(folder / "labelsTr" / name, blocks(shape, 3).astype(kind), affine)
        (folder / "imagesTr" / f"._{name}").write_bytes(b"resource fork")
    return root


OPENKBP_MASKS = {
    "Brainstem": [(60, 64, 30), (60, 64, 31)],
    "SpinalCord": [(60, 64, 31), (60, 64, 32)],  # one voxel is the brainstem's too
    "RightParotid": [(55, 40, 40)],
    "LeftParotid": [(55, 90, 40)],
    "Esophagus": [(58, 64, 100)],
    "Larynx": [(50, 64, 80)],
    "Mandible": [(30, 64, 50), (55, 90, 40)],  # one voxel is the left parotid's too
}
OPENKBP_CT = {(60, 64, 30): 1064.0, (55, 40, 40): 28036.0, (0, 1, 2): 24.0}


def write_openkbp(root: Path) -> Path:
    """Two patients, the first gzipped and the second plain; a third lacks an organ."""
    for patient, packed in (("pt_4", True), ("pt_13", False), ("pt_7", False)):
        folder = root / "train-pats" / patient
        _sparse(folder / "ct.csv", OPENKBP_CT, packed)
        for organ, voxels in OPENKBP_MASKS.items():
            if (patient, organ) != ("pt_7", "Larynx"):
                _sparse(folder / f"{organ}.csv", dict.fromkeys(voxels), packed)
        (folder / "voxel_dimensions.csv").write_text("3.906e+00\n4.5e+00\n2.5e+00\n")
    return root


def _sparse(path: Path, voxels: dict[tuple[int, int, int], float | None], packed: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{np.ravel_multi_index(voxel, (128,) * 3)},{'' if value is None else value}"
        for voxel, value in voxels.items()
    ]
    text = "\n".join([",data", *lines]) + "\n"
    if packed:
        with gzip.open(path.with_name(path.name + ".gz"), "wt") as file:
            file.write(text)
    else:
        path.write_text(text)


def write_acdc(root: Path) -> Path:
    """HDF5, one patient, two frames."""
    folder = root / "ACDC_training_volumes"
    folder.mkdir(parents=True)
    for frame in (12, 1):
        with h5py.File(folder / f"patient001_frame{frame:02d}.h5", "w") as file:
            label = blocks((5, 20, 16), 4)
            file["image"] = np.random.default_rng(frame).random(label.shape, dtype=np.float32)
            file["label"] = label
            file["scribble"] = np.where(label == 2, 4, label).astype(np.uint16)
    return root


def write_acdc_nifti(root: Path) -> Path:
    """The challenge's layout: (column, row, slice), spacing, end-diastole in the later frame by Info.cfg."""
    folder = root / "training" / "patient090"
    affine = np.diag([-1.5, -1.25, 10.0, 1.0])
    affine[:3, 3] = 5, 6, 7
    for frame in (4, 11):
        label = np.ascontiguousarray(blocks((5, 20, 16), 4).transpose(2, 1, 0))
        image = np.zeros((16, 20, 5), dtype=np.float32)
        image[3, 7, 2] = 9.0
        save_nifti(folder / f"patient090_frame{frame:02d}.nii.gz", image, affine)
        save_nifti(folder / f"patient090_frame{frame:02d}_gt.nii.gz", label, affine)
    save_nifti(folder / "patient090_4d.nii.gz", np.zeros((4, 4, 2, 3), dtype=np.float32), affine)
    (folder / "Info.cfg").write_text("ED: 11\nES: 4\nGroup: RV\nNbFrame: 30\n")
    return root


HC18 = {"000_HC": (0.1, 70.0), "004_HC": (0.2, 141.0), "004_2HC": (0.2, 141.0), "628_2HC": (0.2, 150.0)}


def write_hc18(root: Path) -> Path:
    """Thin outlines of ellipses; in 628_2HC the head leaves the image at its upper border."""
    folder = root / "training_set"
    folder.mkdir(parents=True)
    rows = ["filename,pixel size(mm),head circumference (mm)", "001_HC.png,0.09,56.81"]
    for name, (mm, circumference) in HC18.items():
        box = (60, 40, 320, 240) if name != "628_2HC" else (60, -20, 320, 180)
        outline = Image.new("L", (400, 270))
        ImageDraw.Draw(outline).ellipse(box, outline=255, width=2)
        outline.save(folder / f"{name}_Annotation.png")
        image = np.random.default_rng(len(name)).integers(0, 255, (270, 400), dtype=np.uint8)
        Image.fromarray(image).save(folder / f"{name}.png")
        rows.append(f"{name}.png,{mm},{circumference}")
    (root / "training_set_pixel_size_and_HC.csv").write_text("\n".join(rows) + "\n")
    return root


def write_chaos(root: Path) -> Path:
    """float64 images and labels, LAS; the liver and the right kidney on the patient's right."""
    shape = (40, 32, 6)
    for number in (10, 2):
        label = np.zeros(shape)
        label[2:14, 8:24, 2:5] = 1
        label[4:10, 2:6, 1:4] = 2
        label[30:36, 2:6, 1:4] = 3
        label[28:36, 10:18, 3:5] = 4
        image = np.random.default_rng(number).integers(0, 1000, shape).astype(np.float64)
        save_nifti(root / "chaos_MR_T2_normalized" / f"image_{number}.nii.gz", image, LAS)
        save_nifti(root / "chaos_MR_T2_normalized" / f"label_{number}.nii.gz", label, LAS)
    return root


WRITERS = {
    "hippocampus": write_hippocampus,
    "openkbp": write_openkbp,
    "acdc": write_acdc,
    "hc18": write_hc18,
    "chaos": write_chaos,
}
