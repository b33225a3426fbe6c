import nibabel as nib
import numpy as np
import pytest

from segkit.data import prepare_cases, read_case
from segkit.data.catalogue.lean_nifti import read_pair, read_volume
from segkit.data.dataset import Source
from segkit.errors import DataError
from tests.data.catalogue.full_layouts import AFFINE, SHAPE, ct, write_task
from tests.data.layouts import blocks, save_nifti


def pair(tmp_path, image, label, label_affine=AFFINE):
    paths = (
        save_nifti(tmp_path / "image.nii.gz", image, AFFINE),
        save_nifti(tmp_path / "label.nii.gz", label, label_affine),
    )
    return Source("a", "a", paths)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.float64, np.int32])
def test_voxels_are_those_that_read_case_reads(tmp_path, kind):
    image = np.random.default_rng(0).integers(0, 200, (*SHAPE, 2)).astype(kind)
    path = save_nifti(tmp_path / "image.nii.gz", image, AFFINE)
    array, affine = read_volume(path)
    assert (np.moveaxis(array, 3, 0) == read_case(path).image.numpy()).all() and np.allclose(affine, AFFINE)
    assert array.dtype == (kind if kind in (np.uint8, np.int16) else np.float32)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_scale_factor_of_the_header_is_used(tmp_path, suffix):
    image = nib.Nifti1Image(ct(0), AFFINE)
    image.header.set_slope_inter(2.0, -1024.0)
    path = tmp_path / f"image{suffix}"
    image.to_filename(path)
    raw = nib.load(path).get_fdata()
    assert np.allclose(read_volume(path)[0][..., 0], raw) and raw.min() < -1024


def test_a_pair_keeps_its_grid_and_its_small_types(tmp_path):
    scan = read_pair(pair(tmp_path, ct(0), blocks(SHAPE, 3).astype(np.float64)))
    assert scan.image.dtype == np.int16 and scan.label.dtype == np.int8
    assert scan.spacing_mm == (0.8, 0.8, 2.5) and scan.shape == SHAPE


@pytest.mark.parametrize(
    ("label", "affine", "message"),
    [
        (blocks((12, 10, 7), 3), AFFINE, r"label.nii.gz has shape \(12, 10, 7\) but its image image.nii.gz"),
        (blocks(SHAPE, 3), np.diag([-0.8, -0.8, 2.6, 1]), "mm away from its image"),
        (blocks(SHAPE, 3) * 0.5, AFFINE, r"label.nii.gz: labels are not whole numbers"),
        (np.where(blocks(SHAPE, 3) == 1, np.nan, 0), AFFINE, r"label.nii.gz: labels are not whole numbers"),
    ],
)
def test_a_label_that_does_not_fit_is_refused(tmp_path, label, affine, message):
    with pytest.raises(DataError, match=message):
        read_pair(pair(tmp_path, ct(0), label, affine))


def test_a_truncated_file_is_one_sentence(tmp_path):
    source = pair(tmp_path, ct(0), blocks(SHAPE, 3))
    source.paths[0].write_bytes(source.paths[0].read_bytes()[:-200])
    with pytest.raises(DataError, match=r"image.nii.gz is damaged, truncated or no NIfTI file"):
        read_pair(source)


def break_nan(folder):
    image = np.zeros(SHAPE, dtype=np.float32)
    image[1, 2, 3] = np.inf
    save_nifti(folder / "imagesTr" / "colon_002.nii.gz", image, AFFINE)


def break_class(folder):
    save_nifti(folder / "labelsTr" / "colon_002.nii.gz", blocks(SHAPE, 4), AFFINE)


def break_missing(folder):
    (folder / "labelsTr" / "colon_002.nii.gz").unlink()


def break_grid(folder):
    save_nifti(folder / "labelsTr" / "colon_002.nii.gz", blocks((12, 10, 5), 2), AFFINE)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_nan, "colon_002: 1 voxels are NaN or infinite"),
        (break_class, "colon_002: label value 3 is no class; known are 0 to 1"),
        (break_missing, r"colon_002: .*labelsTr/colon_002.nii.gz is missing"),
        (break_grid, r"colon_002: .*has shape \(12, 10, 5\)"),
    ],
)
def test_a_fault_in_the_middle_of_a_set_names_the_case_and_can_be_left_out(
    tmp_path, own_cache, damage, message
):
    write_task(tmp_path, "colon")
    damage(tmp_path / "Task10_Colon")
    options = {"root": tmp_path, "out": tmp_path / "out", "say": lambda line: None}
    with pytest.raises(DataError, match=message):
        prepare_cases("colon", **options)
    folder = prepare_cases("colon", skip_bad=True, **options)
    assert sorted(path.stem for path in folder.glob("colon*.json")) == ["colon_001", "colon_010"]
