import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.data.case import IGNORE, Case
from segkit.errors import DataError

CLASSES = ("background", "inner", "outer")


def make(shape=(5, 4, 3), spacing=(1.0, 1.5, 5.0), **changes):
    affine = np.diag([*(spacing + (1.0,) * 3)[:3], 1.0])
    label = torch.arange(int(np.prod(shape))).reshape(shape) % 3
    case = Case(torch.zeros(1, *shape), label, spacing, affine, "c1", "p1", CLASSES)
    return case.with_(**changes)


def test_a_sound_case_is_returned_itself():
    case = make()
    assert case.validate() is case
    assert case.shape == (5, 4, 3) and case.n_classes == 3


@given(
    spacing=st.lists(st.floats(0.05, 20), min_size=2, max_size=3).map(tuple),
    channels=st.integers(1, 3),
    data=st.data(),
)
def test_any_positive_spacing_and_any_rotation_is_sound(spacing, channels, data):
    shape = tuple(data.draw(st.integers(1, 4)) for _ in spacing)
    angle = data.draw(st.floats(-3, 3))
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    case = make(shape, spacing)
    case.with_(affine=turn @ case.affine, image=torch.zeros(channels, *shape)).validate()


def test_an_unlabelled_case_and_one_without_spacing_are_sound():
    make(label=None).validate()
    make(spacing_mm=None, affine=np.eye(4)).validate()
    make((6, 7), (0.2, 0.2)).validate()


def test_voxels_that_nobody_annotated_are_no_error():
    case = make()
    case.label[0] = IGNORE
    case.validate()


def holed(value):
    image = torch.zeros(1, 5, 4, 3)
    image[0, 1, 2, 0] = value
    return image


def labelled(value):
    label = torch.zeros(5, 4, 3, dtype=torch.int64)
    label[0, 0, 0] = value
    return label


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": holed(float("nan"))}, "c1: 1 voxels are NaN or infinite"),
        ({"image": holed(-float("inf"))}, "c1: 1 voxels are NaN or infinite"),
        ({"image": torch.zeros(1, 5, 4, 3, dtype=torch.float64)}, "a case needs float32"),
        ({"image": torch.zeros(5, 4)}, r"shape \(C, \*S\)"),
        ({"image": torch.zeros(0, 5, 4, 3)}, r"shape \(C, \*S\)"),
        (
            {"label": torch.zeros(5, 4, 2, dtype=torch.int64)},
            r"label has shape \(5, 4, 2\) but the image has",
        ),
        ({"label": torch.zeros(5, 4, 3, dtype=torch.uint8)}, "cast it to int64"),
        ({"label": labelled(3)}, "label value 3 is no class; known are 0 to 2 "),
        ({"label": labelled(-2)}, "label value -2 is no class"),
        ({"classes": ()}, "no names given"),
        ({"spacing_mm": (1.0, 0.0, 5.0)}, "3 positive numbers are needed"),
        ({"spacing_mm": (1.0, -1.5, 5.0)}, "3 positive numbers are needed"),
        ({"spacing_mm": (1.0, float("nan"), 5.0)}, "3 positive numbers are needed"),
        ({"spacing_mm": (1.0, 1.5)}, "3 positive numbers are needed"),
        ({"spacing_mm": (1.0, 1.5, 4.9)}, "the two must agree"),
        ({"affine": np.eye(3)}, "4 by 4"),
        ({"affine": np.diag([1, 1.5, np.inf, 1])}, "4 by 4 and finite"),
        ({"affine": np.diag([1, 1.5, 0, 1]), "spacing_mm": None}, "singular"),
    ],
)
def test_every_broken_promise_is_one_sentence_that_names_the_case(changes, message):
    with pytest.raises(DataError, match=message) as caught:
        make(**changes).validate()
    assert str(caught.value).startswith("c1: ") and "\n" not in str(caught.value)


def test_with_replaces_only_what_is_named():
    case = make()
    other = case.with_(id="c2")
    assert (other.id, other.group) == ("c2", "p1")
    assert other.image is case.image and case.id == "c1"
