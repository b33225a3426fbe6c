import nibabel as nib
import numpy as np
import pytest
import torch

from segkit.data.readers import hippocampus
from segkit.data.reading import read_all
from segkit.errors import DataError
from tests.data.layouts import save_nifti, write_hippocampus


def test_all_cases_are_there_with_their_three_classes(cases_of):
    cases = cases_of("hippocampus")
    assert len(cases) == (260 if cases_of.real else 2)
    for case in cases:
        assert case.classes == ("background", "anterior", "posterior")
        assert case.label.flatten().bincount().count_nonzero() == 3


def test_a_case_is_its_own_group_because_the_release_names_no_person(cases_of):
    cases = cases_of("hippocampus")
    assert all(case.group == case.id and case.id.startswith("hippocampus_") for case in cases)
    assert len({case.id for case in cases}) == len(cases)


def test_scales_of_intensity_differ_by_orders_of_magnitude(cases_of):
    highest = [float(case.image.max()) for case in cases_of("hippocampus")]
    assert max(highest) / min(highest) > 1e4
    if cases_of.real:
        assert (min(highest), round(max(highest))) == (112.0, 1_704_295)


def test_labels_stored_as_float_become_integers(cases_of):
    assert {case.label.dtype for case in cases_of("hippocampus")} == {torch.int64}


def test_voxel_axes_are_ras_and_a_voxel_is_one_millimetre(cases_of):
    for case in cases_of("hippocampus"):
        assert case.spacing_mm == (1.0, 1.0, 1.0)
        np.testing.assert_array_equal(case.affine[:3, :3], np.eye(3))
        assert set(case.affine[:3, 3]) <= {0.0, 1.0}


def test_the_anterior_part_lies_in_front_of_the_posterior_part(cases_of):
    if not cases_of.real:
        return  # the tiny layout has no anatomy
    for case in cases_of("hippocampus"):
        front, back = ((case.label == value).nonzero()[:, 1].float().mean() for value in (1, 2))
        assert front > back  # axis 1 runs towards anterior


def test_an_image_without_its_label_is_named(tmp_path):
    write_hippocampus(tmp_path)
    (tmp_path / "Task04_Hippocampus/labelsTr/hippocampus_002.nii.gz").unlink()
    with pytest.raises(DataError, match=r"labelsTr.hippocampus_002.nii.gz is missing"):
        read_all(hippocampus.DATASET, hippocampus.find(tmp_path))


def test_the_archive_folder_itself_may_be_the_root(tmp_path):
    write_hippocampus(tmp_path)
    inner = hippocampus.find(tmp_path / "Task04_Hippocampus")
    assert [source.id for source in inner] == ["hippocampus_001", "hippocampus_002"]


def test_a_fourth_class_is_refused(tmp_path):
    write_hippocampus(tmp_path)
    path = tmp_path / "Task04_Hippocampus/labelsTr/hippocampus_001.nii.gz"
    label = nib.load(path)
    wrong = np.asarray(label.dataobj).copy()
    wrong[0, 0, 0] = 3
    save_nifti(path, wrong, label.affine)
    with pytest.raises(DataError, match=r"label value 3 is no class; known are 0 to 2"):
        read_all(hippocampus.DATASET, hippocampus.find(tmp_path))
