from math import pi, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from scipy.ndimage import label as components

from segkit.data.readers import hc18
from segkit.data.reading import read_all
from segkit.errors import DataError
from tests.data.layouts import HC18, write_hc18


def circumference_mm(case):
    """Ramanujan's approximation for the ellipse with the second moments of the head."""
    moments = np.cov(np.stack(case.label.numpy().nonzero()), bias=True)
    a, b = 2 * np.sqrt(np.linalg.eigvalsh(moments))  # a filled ellipse has a quarter of its squared half axes
    h = ((a - b) / (a + b)) ** 2
    return pi * (a + b) * (1 + 3 * h / (10 + sqrt(4 - 3 * h))) * case.spacing_mm[0]


def test_every_image_and_examination_is_there(cases_of):
    cases = cases_of("hc18")
    assert len(cases) == (253 if cases_of.real else 4)
    assert len({case.group for case in cases}) == (202 if cases_of.real else 3)


def test_the_group_is_the_number_of_the_examination(cases_of):
    for case in cases_of("hc18"):
        assert case.group == case.id[:3] and case.group.isdigit()
    groups = {case.id: case.group for case in cases_of("hc18")}
    assert groups["628_2HC"] == "628"


def test_the_outline_is_filled_to_one_piece_without_holes(cases_of):
    for case in cases_of("hc18"):
        assert case.classes == ("background", "head")
        mask = case.label.numpy() == 1
        assert 0.03 < mask.mean() < 0.9
        assert components(mask)[1] == 1
        assert not components(~mask)[1] > 4  # a head that touches borders cuts off corners, nothing more


def test_the_outline_that_leaves_the_image_is_closed_first(cases_of):
    case = next(case for case in cases_of("hc18") if case.id == "628_2HC")
    columns = np.flatnonzero(case.label[0].numpy())
    assert columns.size > 40 and (np.diff(columns) == 1).all()  # the gap on the border is filled
    assert float(case.label.float().mean()) > 0.3


def test_millimetres_come_from_the_table_and_circumferences_agree(cases_of):
    differences = []
    for case in cases_of("hc18"):
        assert case.spacing_mm[0] == case.spacing_mm[1] == case.affine[0, 0]
        if case.id != "628_2HC":
            differences.append(circumference_mm(case) - case.meta["circumference_mm"])
    if cases_of.real:
        assert np.abs(differences).max() < 2.6
        assert 0.8 < np.mean(differences) < 1.4  # the outline has a width
        sizes = [case.spacing_mm[0] for case in cases_of("hc18")]
        assert min(sizes) == pytest.approx(0.0545, abs=1e-4) and max(sizes) == pytest.approx(0.326, abs=1e-3)
    else:
        assert {case.id: case.spacing_mm[0] for case in cases_of("hc18")} == {
            k: v[0] for k, v in HC18.items()
        }


def test_images_are_two_dimensional_rows_by_columns(cases_of):
    for case in cases_of("hc18"):
        assert case.image.shape[0] == 1 and len(case.shape) == 2
        assert case.shape[0] < case.shape[1]
        assert case.image.dtype == torch.float32 and float(case.image.max()) <= 255


@settings(max_examples=25, deadline=None)
@given(
    centre=st.tuples(st.integers(40, 160), st.integers(40, 110)),
    axes=st.tuples(st.integers(15, 60), st.integers(15, 60)),
)
def test_filling_an_outline_gives_the_filled_ellipse(centre, axes):
    (x, y), (a, b) = centre, axes
    drawn = []
    for fill in (0, 255):
        image = Image.new("L", (200, 150))
        box = (max(1, x - a), max(1, y - b), min(198, x + a), min(148, y + b))
        ImageDraw.Draw(image).ellipse(box, outline=255, width=2, fill=fill)
        drawn.append(np.asarray(image) > 0)
    np.testing.assert_array_equal(hc18.filled(drawn[0]), drawn[1])


def test_an_open_outline_is_refused():
    outline = np.zeros((20, 20), dtype=bool)
    outline[5, 5:15] = outline[5:15, 5] = True
    with pytest.raises(DataError, match="not closed"):
        hc18.filled(outline)


def test_an_image_without_a_row_in_the_table_is_named(tmp_path):
    write_hc18(tmp_path)
    table = tmp_path / "training_set_pixel_size_and_HC.csv"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if "004_HC" not in line))
    with pytest.raises(DataError, match=r"no row for 004_HC.png"):
        hc18.find(tmp_path)


def test_a_table_with_a_wrong_number_is_named(tmp_path):
    write_hc18(tmp_path)
    table = tmp_path / "training_set_pixel_size_and_HC.csv"
    table.write_text(table.read_text() + "005_HC.png,thin,1\n")
    with pytest.raises(DataError, match="no table of name, pixel size"):
        hc18.find(tmp_path)


def test_a_damaged_png_and_a_wrong_size_are_named(tmp_path):
    write_hc18(tmp_path)
    outline = tmp_path / "training_set/000_HC_Annotation.png"
    Image.new("L", (10, 10)).save(outline)
    with pytest.raises(DataError, match=r"000_HC_Annotation.png has shape \(10, 10\) but its image"):
        read_all(hc18.DATASET, hc18.find(tmp_path))
    outline.write_bytes(b"not a png")
    with pytest.raises(DataError, match=r"000_HC_Annotation.png is missing, damaged"):
        read_all(hc18.DATASET, hc18.find(tmp_path))
