import numpy as np
import pytest
import torch

from segkit.data import Case, to_orientation
from segkit.data.prepared.scan import Scan, from_case, to_int8
from segkit.errors import DataError

OBLIQUE = np.array([[0, -0.1, -2.0, 5], [-1.0, 0, 0.1, 6], [0.05, 3.0, 0, 7], [0, 0, 0, 1.0]])


def scan(image=None, label=None, affine=None):
    image = np.zeros((1, 4, 5, 6), dtype=np.int16) if image is None else image
    return Scan(image, label, (1.0, 1.0, 1.0), np.eye(4) if affine is None else affine)


def test_turning_is_that_of_to_orientation():
    image = torch.randn(2, 4, 5, 6)
    label = torch.randint(-1, 3, (4, 5, 6))
    spacing = tuple(np.linalg.norm(OBLIQUE[:3, :3], axis=0))
    case = Case(image, label, spacing, OBLIQUE, "a", "a", ("background", "x", "y"))
    turned, views = to_orientation(case), from_case(case).oriented()
    assert (views.image == turned.image.numpy()).all() and (views.label == turned.label.numpy()).all()
    assert np.allclose(views.affine, turned.affine) and views.spacing_mm == pytest.approx(turned.spacing_mm)
    assert np.shares_memory(views.image, image.numpy())


def test_without_spacing_nothing_is_turned():
    flat = Scan(np.zeros((1, 4, 5, 6)), None, None, OBLIQUE)
    assert flat.oriented() is flat


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (scan(np.full((1, 2, 2, 2), np.nan, dtype=np.float32)), "8 voxels are NaN or infinite"),
        (scan(label=np.full((4, 5, 6), 3, dtype=np.int8)), "label value 3 is no class; known are 0 to 2"),
        (scan(label=np.full((4, 5, 6), -2, dtype=np.int8)), "label value -2 is no class"),
        (scan(label=np.zeros((4, 5, 7), dtype=np.int8)), r"label has shape \(4, 5, 7\) but the image"),
        (scan(np.zeros((4, 5), dtype=np.int16)), r"the image has shape \(4, 5\)"),
    ],
)
def test_a_scan_that_is_not_what_it_should_be_is_refused(broken, message):
    with pytest.raises(DataError, match=message):
        broken.check(3)


def test_labels_go_into_one_byte():
    values = np.array([[0, 500, -0.0001], [205, 500, 0]])
    assert to_int8(values, {0: 0, 500: 1, 205: 5}).tolist() == [[0, 1, 0], [5, 1, 0]]
    assert to_int8(np.array([[-1, 127]])).tolist() == [[-1, 127]]


@pytest.mark.parametrize(
    ("values", "classes", "message"),
    [
        ([[0.0, 1.5]], None, "not whole numbers"),
        ([[0, 7]], {0: 0, 63: 1}, "label value 7 is no class; known are 0, 63"),
        ([[0, 200]], None, "label value 200 is no class"),
        ([[np.nan]], None, "not whole numbers"),
    ],
)
def test_a_value_that_is_no_class_is_refused(values, classes, message):
    with pytest.raises(DataError, match=message):
        to_int8(np.array(values), classes)
