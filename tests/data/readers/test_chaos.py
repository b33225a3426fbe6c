import numpy as np
import torch

from segkit.data.readers import chaos
from segkit.data.reading import read_all
from tests.data.layouts import write_chaos


def test_patients_come_in_the_order_of_their_numbers(cases_of):
    names = [case.id for case in cases_of("chaos")]
    numbers = chaos.PATIENTS if cases_of.real else (2, 10)
    assert names == [f"chaos_{number:02d}" for number in numbers]
    assert all(case.group == case.id for case in cases_of("chaos"))


def test_float64_becomes_float32_and_whole_labels(cases_of):
    for case in cases_of("chaos"):
        assert case.image.dtype == torch.float32 and case.label.dtype == torch.int64
        assert case.label.flatten().bincount().count_nonzero() == 5 == case.n_classes
        assert torch.equal(case.image, case.image.round())  # whole numbers although stored as float64
        assert float(case.image.min()) >= 0


def test_slices_are_six_times_as_thick_as_pixels_are_wide(cases_of):
    for case in cases_of("chaos"):
        assert case.spacing_mm == (1.25, 1.25, 7.7)
        if cases_of.real:
            assert case.shape[:2] == (256, 256) and 31 <= case.shape[2] <= 38


def test_axes_point_left_anterior_superior(cases_of):
    for case in cases_of("chaos"):
        steps = case.affine[:3, :3] / case.spacing_mm
        # Three patients lie a little oblique; the affine is kept as it is.
        assert np.degrees(np.arccos(np.diag(steps) * [-1, 1, 1])).max() < 1.4


def test_the_right_kidney_lies_on_the_side_of_the_liver(cases_of):
    for case in cases_of("chaos"):
        x = [
            float(case.affine[0, 0] * (case.label == value).nonzero()[:, 0].float().mean())
            for value in range(1, 5)
        ]
        liver, right_kidney, left_kidney, spleen = x
        assert min(liver, right_kidney) > max(left_kidney, spleen)  # x grows to the patient's right


def test_other_files_of_the_pipeline_are_left_alone(tmp_path):
    folder = write_chaos(tmp_path) / "chaos_MR_T2_normalized"
    (folder / "superpix-MIDDLE_2.nii.gz").write_bytes(b"")
    (folder / "image_mean.nii.gz").write_bytes(b"")
    assert len(read_all(chaos.DATASET, chaos.find(tmp_path))) == 2
