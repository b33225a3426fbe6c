"""NIfTI files: read a case with its place in space, write a mask onto the grid of a case."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from nibabel.filebasedimages import ImageFileError
from nibabel.openers import Opener
from nibabel.spatialimages import HeaderDataError
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from segkit.data.case import Case
from segkit.data.files import replacing
from segkit.errors import DataError

GRID_TOLERANCE = 0.05
"""Image and label count as one grid while no corner of the volume differs by more than this share of a
voxel."""
_WHOLE_TOLERANCE = 1e-3  # a scale factor in a header turns 2 into 1.9999
_DAMAGE = (
    ImageFileError,
    HeaderDataError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    MemoryError,
    zlib.error,
)


def read_case(
    image_path: str | Path,
    label_path: str | Path | None = None,
    *,
    classes: tuple[str, ...] = (),
    id: str | None = None,
    group: str | None = None,
) -> Case:
    """Read a 3-D NIfTI image, and its label map if there is one.

    The axes stay in the order of the file; channels, if the file has a fourth axis, come first. Intensities
    become float32 after the scale factor of the header; labels become int64.

    Args:
        image_path: `.nii` or `.nii.gz`.
        label_path: the same grid, whole numbers from 0.
        classes: names of the label values; without them the values are named `class 1`, `class 2`, ….
        id: name of the case; by default the file name without its suffixes.
        group: the patient; by default the id.

    Returns:
        A validated case, spacing in mm taken from the affine.

    Raises:
        DataError: a file is missing, damaged or truncated, or not 3-D; spacing is zero or negative; a voxel
            is NaN or infinite; the grids differ in shape or by more than 5 % of a voxel in place; labels are
            not whole or no class.

    Example:
        >>> read_case("scan.nii.gz")
        Traceback (most recent call last):
            ...
        segkit.errors.DataError: scan.nii.gz does not exist
    """
    image_path = Path(image_path)
    array, affine = _read(image_path)
    with np.errstate(over="ignore"):  # a float64 too large for float32 becomes infinite and is refused below
        image = torch.from_numpy(np.array(np.moveaxis(array, 3, 0), dtype=np.float32, order="C"))
    label = None
    if label_path is not None:
        label = _read_label(Path(label_path), image_path, tuple(image.shape[1:]), affine)
        names = tuple(f"class {value}" for value in range(1, int(label.max()) + 1))
        classes = classes or ("background", *names)
    name = id or image_path.name.removesuffix(".gz").removesuffix(".nii")
    # Headers hold float32: 7.7 comes back as 7.69999981.
    spacing = tuple(round(float(size), 6) for size in nib.affines.voxel_sizes(affine))
    case = Case(image, label, spacing, affine, str(image_path), group or name, tuple(classes))
    return case.validate().with_(id=name)  # errors name the file, not the case


def write_mask(labels: Tensor | ArrayLike, like: Case, path: str | Path) -> Path:
    """Write a label map as NIfTI on the grid and affine of a case.

    The file appears under its name only when it is complete. A 2-D mask gets a third axis of length one.

    Args:
        labels: whole numbers, shape `(*S)` of the case, 0 … 65535.
        like: the case that was segmented.
        path: ends in `.nii` or `.nii.gz`; its folder is made if it does not exist.

    Returns:
        The path. The type of the voxels is uint8, or uint16 when a label is larger than 255.

    Raises:
        DataError: another shape than the case, labels that are not whole or out of range, another suffix, a
            folder that cannot be written, a full disk.
    """
    path = Path(path)
    if not path.name.endswith((".nii", ".nii.gz")):
        raise DataError(f"{path}: a mask is written as .nii or .nii.gz; choose such a name")
    array = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if array.shape != like.shape:
        raise DataError(
            f"{path}: labels have shape {array.shape} but {like.id} has {like.shape}; nothing was written"
        )
    whole = _whole(array, path)
    if whole.min() < 0 or whole.max() > 65535:
        raise DataError(
            f"{path}: labels run from {whole.min()} to {whole.max()}; a mask holds 0 to 65535, nothing was "
            "written"
        )
    kind = np.uint8 if whole.max() < 256 else np.uint16
    volume = whole.astype(kind).reshape(array.shape + (1,) * (3 - array.ndim))
    nifti = nib.Nifti1Image(volume, like.affine)
    nifti.header.set_xyzt_units("mm")
    # Both forms: some viewers read only one. A sheared affine has no quaternion and keeps the first alone.
    nifti.set_sform(like.affine, code=1)
    if _orthogonal(like.affine):
        nifti.set_qform(like.affine, code=1)
    with replacing(path) as temporary:
        nib.save(nifti, temporary)
    return path


def opened(path: Path, **options: Any) -> nib.Nifti1Image:
    """A NIfTI file whose header has been checked and whose voxels have not been read.

    Args:
        path: the file.
        options: for `nibabel.load`.

    Raises:
        DataError: it is missing, no NIfTI file or damaged; it is not 3-D or 4-D, or a voxel is not one
            number; a voxel size is not positive.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist")
    if path.is_dir():
        raise DataError(f"{path} is a folder, but one NIfTI file is wanted: name the file")
    with told_damage(path):
        file = nib.load(path, **options)
        if not isinstance(file, nib.Nifti1Image):  # Nifti2Image is a kind of it
            raise DataError(f"{path} is no NIfTI file but {type(file).__name__}; convert it to .nii.gz")
        # nibabel turns a negative size into a positive one while loading, so look at the bytes themselves.
        with Opener(str(path)) as raw:
            pixdim = file.header.__class__.from_fileobj(raw, check=False)["pixdim"]
    if file.header.get_data_dtype().kind not in "biuf":
        raise DataError(
            f"{path} holds {file.header.get_data_dtype()} voxels; one real number per voxel is needed"
        )
    shape = file.shape
    while len(shape) > 4 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in (3, 4) or 0 in shape:
        raise DataError(
            f"{path} is {len(shape)}-D of shape {shape}; a 3-D volume, or 4-D with channels last, is wanted"
        )
    sizes = np.asarray(pixdim[1:4], dtype=np.float64)
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise DataError(
            f"{path}: the header gives a voxel size of {sizes.tolist()} mm; sizes must be positive, mend the "
            "header"
        )
    return file


@contextmanager
def told_damage(path: Path) -> Iterator[None]:
    """Turn what nibabel, NumPy and gzip raise for a damaged file into one sentence."""
    try:
        yield
    except DataError:
        raise
    except _DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} is damaged, truncated or no NIfTI file ({reason}): fetch it again"
        ) from error


def _read(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Voxels of shape (x, y, z, channel) and the affine."""
    file = opened(path)
    with told_damage(path):
        array = np.asanyarray(file.dataobj)
    return array.reshape(*array.shape[:3], -1), np.asarray(file.affine, dtype=np.float64)


def check_grid(
    path: Path,
    label: tuple[tuple[int, ...], NDArray[np.float64]],
    image_path: Path,
    image: tuple[tuple[int, ...], NDArray[np.float64]],
) -> None:
    """Check that a label lies on the grid of its image; both are given by shape and affine.

    Raises:
        DataError: they differ in shape, or by more than `GRID_TOLERANCE` in place.
    """
    (shape, affine), (label_shape, label_affine) = image, label
    if label_shape != shape:
        raise DataError(
            f"{path} has shape {label_shape} but its image {image_path.name} has {shape}; "
            "resample one onto the grid of the other"
        )
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in shape], [1.0], indexing="ij")).reshape(4, -1)
    offset = float(np.linalg.norm((affine - label_affine) @ corners, axis=0).max())
    if not offset <= GRID_TOLERANCE * nib.affines.voxel_sizes(affine).min():
        raise DataError(
            f"{path} lies up to {offset:.3g} mm away from its image {image_path.name}; "
            "their affines must agree, resample one onto the grid of the other"
        )


def _read_label(path: Path, image_path: Path, shape: tuple[int, ...], affine: NDArray[np.float64]) -> Tensor:
    array, label_affine = _read(path)
    check_grid(path, (_plain(array), label_affine), image_path, (shape, affine))
    return torch.from_numpy(_whole(array[..., 0], path))


def _plain(array: NDArray[Any]) -> tuple[int, ...]:
    return array.shape[:3] if array.shape[3] == 1 else array.shape


def _whole(array: NDArray[Any], path: Path) -> NDArray[np.int64]:
    if array.dtype.kind == "f":
        rounded = np.rint(array)
        # A NaN compares false, so it is caught here too.
        wrong = ~(np.abs(array - rounded) <= _WHOLE_TOLERANCE)
        if wrong.any():
            raise DataError(
                f"{path}: labels must be whole numbers, but {int(wrong.sum())} voxels are not "
                f"(first {array[wrong][0]:.6g}); was the map resampled with interpolation?"
            )
        array = rounded
    return np.array(array, dtype=np.int64, order="C")


def _orthogonal(affine: NDArray[np.float64]) -> bool:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.allclose(axes.T @ axes, np.eye(3), atol=1e-4))
