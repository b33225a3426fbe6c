import re
from base64 import b64decode
from io import BytesIO
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image

from segkit.data.case import Case
from segkit.data.display import PALETTE

CLASSES = ("background", "inner", "outer")


def make(shape=(20, 16, 6), spacing=(1.0, 1.0, 5.0)):
    """Brighter to the patient's right, the front and the head; classes in two corners of RAS."""
    ramps = torch.meshgrid(*(torch.linspace(0, 1, n) for n in shape), indexing="ij")
    image = sum(weight * ramp for weight, ramp in zip((4.0, 2.0, 1.0), ramps, strict=False))
    label = torch.zeros(shape, dtype=torch.int64)
    label[tuple(slice(n // 2 - 1, n // 2 + 2) for n in shape)] = 1
    label[tuple(slice(0, n // 3) for n in shape)] = 2
    affine = np.diag([*spacing, 1.0])
    return Case(image[None], label, spacing, affine, "c1", "p1", CLASSES)


def images(html):
    return [
        np.asarray(Image.open(BytesIO(b64decode(data))).convert("RGB")).astype(int)
        for data in re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    ]


def test_the_facts_are_there():
    html = make()._repr_html_()
    for fact in ("c1 (group p1)", "20 × 16 × 6", "1 × 1 × 5 mm", "0 to 7", "1 inner", "2 outer"):
        assert fact in html
    assert "unknown" in make().with_(spacing_mm=None, affine=np.eye(4))._repr_html_()
    assert "no label" in make().with_(label=None)._repr_html_()


def test_three_slices_have_the_proportions_of_millimetres():
    height, width = zip(*(image.shape[:2] for image in images(make()._repr_html_())), strict=True)
    ratios = [h / w for h, w in zip(height, width, strict=True)]
    np.testing.assert_allclose(ratios, [16 / 20, 30 / 20, 30 / 16], rtol=0.02)


def test_every_picture_has_an_alternative_text_and_a_size():
    html = make()._repr_html_()
    assert html.count("<img") == html.count(" alt=") == html.count(" width=") == 3
    for plane in ("axial", "coronal", "sagittal"):
        assert f'alt="{plane} slice through the middle of c1, coloured by class: inner, outer"' in html


def test_colours_of_text_are_left_to_the_page():
    html = make()._repr_html_()
    assert set(re.findall(r"(?<![-\w])color:([^;\"]+)", html)) == {"inherit"}


def test_radiological_convention_right_on_the_left_front_and_head_up():
    axial, coronal, sagittal = images(make().with_(label=None)._repr_html_())
    for image in (axial, coronal):
        assert image[:, 0].mean() > image[:, -1].mean()  # the patient's right is brighter
    for image in (axial, coronal, sagittal):
        assert image[0].mean() > image[-1].mean()
    assert sagittal[:, 0].mean() > sagittal[:, -1].mean()  # the front on the left


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_the_picture_does_not_depend_on_how_the_array_lies(order, signs):
    case = make((9, 7, 5), (1.0, 2.0, 3.0))
    nifti = nib.Nifti1Image(np.stack([case.image[0].numpy(), case.label.numpy()], -1), case.affine)
    turned = nifti.as_reoriented(np.stack([order, signs], axis=1))
    image, label = np.moveaxis(np.asarray(turned.dataobj), 3, 0)
    other = case.with_(
        image=torch.from_numpy(np.ascontiguousarray(image))[None].float(),
        label=torch.from_numpy(np.ascontiguousarray(label)).long(),
        affine=turned.affine,
        spacing_mm=tuple(float(s) for s in nib.affines.voxel_sizes(turned.affine)),
    ).validate()
    for ours, theirs in zip(images(case._repr_html_()), images(other._repr_html_()), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_class_has_its_colour():
    case = make().with_(image=torch.zeros(1, 20, 16, 6))
    axial = images(case._repr_html_())[0]
    height, width = axial.shape[:2]
    expected = [int(PALETTE[0][i : i + 2], 16) / 2 for i in (1, 3, 5)]
    np.testing.assert_allclose(axial[height * 7 // 16, width * 9 // 20], expected, atol=2)


def test_two_dimensional_and_constant_images_are_shown():
    flat = Case(torch.ones(1, 30, 40), None, (0.1, 0.1), np.eye(4), "f", "f")
    (image,) = images(flat._repr_html_())
    assert image.shape[0] / image.shape[1] == pytest.approx(3 / 4, rel=0.02)


def test_names_from_files_cannot_write_html():
    html = make().with_(id='<script>"', group="&")._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
