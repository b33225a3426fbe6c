import h5py
import numpy as np
import pytest
import torch

from segkit.data.readers import acdc
from segkit.data.reading import read_all
from segkit.errors import DataError
from tests.data.layouts import write_acdc, write_acdc_nifti


def test_every_patient_has_both_phases_and_is_one_group(cases_of):
    cases = cases_of("acdc")
    assert len(cases) == (120 if cases_of.real else 2)
    phases = {}
    for case in cases:
        assert case.id.startswith(case.group + "_frame")
        phases.setdefault(case.group, []).append((case.meta["frame"], case.meta["phase"]))
    for frames in phases.values():
        assert [phase for _, phase in sorted(frames)] == ["ED", "ES"]  # the lower frame is end-diastole


def test_the_left_ventricle_is_larger_at_end_diastole(cases_of):
    if not cases_of.real:
        return  # the tiny layout has no anatomy
    volume = {(c.group, c.meta["phase"]): int((c.label == 3).sum()) for c in cases_of("acdc")}
    groups = {group for group, _ in volume}
    assert all(volume[group, "ED"] > volume[group, "ES"] for group in groups)


def test_hdf5_has_no_spacing_and_says_so(cases_of):
    for case in cases_of("acdc"):
        assert case.spacing_mm is None
        np.testing.assert_array_equal(case.affine, np.eye(4))


def test_arrays_are_slice_row_column_and_hold_all_classes(cases_of):
    for case in cases_of("acdc"):
        slices, rows, columns = case.shape
        assert slices <= 18 and slices < min(rows, columns)
        assert case.label.flatten().bincount().count_nonzero() == 4
        assert float(case.image.min()) >= 0 and float(case.image.max()) <= 1


def test_a_scribble_marks_what_nobody_annotated(cases_of):
    for case in cases_of("acdc"):
        scribble = case.meta["scribble"]
        assert scribble.shape == case.label.shape
        assert int(scribble.min()) == -1 and int(scribble.max()) <= 3
        if cases_of.real:
            drawn = scribble >= 0
            assert float(drawn.float().mean()) < 0.2
            agree = (scribble[drawn] == case.label[drawn]).float().mean()
            assert float(agree) > 0.9  # drawn by hand, not derived from the label


def test_nifti_comes_in_the_same_order_with_its_place_in_space(tmp_path):
    sources = acdc.find(write_acdc_nifti(tmp_path))
    case = read_all(acdc.DATASET, sources)[0]
    assert case.shape == (5, 20, 16)
    assert case.spacing_mm == (10.0, 1.25, 1.5)
    voxel = torch.nonzero(case.image[0] == 9.0)[0].tolist()
    assert voxel == [2, 7, 3]  # (slice, row, column) of the file's (column, row, slice)
    np.testing.assert_allclose(case.affine @ [*voxel, 1], [-1.5 * 3 + 5, -1.25 * 7 + 6, 10 * 2 + 7, 1])
    assert case.label[:, 0, 0].tolist() == [0, 1, 2, 3, 0]


def test_nifti_takes_the_phase_from_info_and_not_from_the_order(tmp_path):
    sources = acdc.find(write_acdc_nifti(tmp_path))
    assert [(s.id, s.facts["phase"]) for s in sources] == [
        ("patient090_frame04", "ES"),
        ("patient090_frame11", "ED"),
    ]
    assert sources[0].facts["diagnosis"] == "RV"
    assert {source.group for source in sources} == {"patient090"}


def test_both_layouts_give_axes_in_the_same_order(tmp_path):
    hdf5 = read_all(acdc.DATASET, acdc.find(write_acdc(tmp_path / "a")))[0]
    nifti = read_all(acdc.DATASET, acdc.find(write_acdc_nifti(tmp_path / "b")))[0]
    torch.testing.assert_close(hdf5.label, nifti.label)


def test_a_truncated_hdf5_is_named(tmp_path):
    write_acdc(tmp_path)
    path = tmp_path / "ACDC_training_volumes/patient001_frame01.h5"
    path.write_bytes(path.read_bytes()[:800])
    with pytest.raises(DataError, match=r"patient001_frame01.h5 is damaged"):
        read_all(acdc.DATASET, acdc.find(tmp_path))


def test_an_hdf5_without_labels_is_named(tmp_path):
    write_acdc(tmp_path)
    with h5py.File(tmp_path / "ACDC_training_volumes/patient001_frame01.h5", "a") as file:
        del file["label"]
    with pytest.raises(DataError, match=r"lacks an array"):
        read_all(acdc.DATASET, acdc.find(tmp_path))
