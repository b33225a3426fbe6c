from itertools import pairwise

import numpy as np
import pytest
import torch

from segkit.data.readers import openkbp
from segkit.data.reading import read_all
from segkit.errors import DataError
from tests.data.layouts import OPENKBP_MASKS, write_openkbp


def centres_mm(case):
    voxels = case.label.nonzero()
    values = case.label[tuple(voxels.T)]
    means = {value: voxels[values == value].double().mean(0).numpy() for value in range(1, 8)}
    return {value: case.affine[:3, :3] @ mean + case.affine[:3, 3] for value, mean in means.items()}


def test_patients_with_all_seven_organs_are_found_in_the_order_of_their_numbers(cases_of):
    cases = cases_of("openkbp")
    numbers = [int(case.id.removeprefix("pt_")) for case in cases]
    assert numbers == (list(openkbp.PATIENTS) if cases_of.real else [4, 13])
    for case in cases:
        assert case.group == case.id
        assert case.shape == (128, 128, 128)
        assert case.label.flatten().bincount().count_nonzero() == 8
    assert cases[0].classes[1:4] == ("brainstem", "spinal cord", "right parotid")


def test_values_are_hounsfield_units_and_nothing_stored_is_air(cases_of):
    for case in cases_of("openkbp"):
        assert float(case.image.min()) == -1024.0
        assert float((case.image == -1024.0).float().mean()) > 0.8
    if cases_of.real:
        soft = torch.cat([case.image[0][case.label == 3] for case in cases_of("openkbp")])
        assert -100 < float(soft.median()) < 100  # a parotid is soft tissue, whatever the fat in it


def test_metal_is_clipped_to_the_upper_bound(cases_of):
    at_bound = {case.id: int((case.image == 3071.0).sum()) for case in cases_of("openkbp")}
    assert max(float(case.image.max()) for case in cases_of("openkbp")) == 3071.0
    if cases_of.real:
        assert {name: n for name, n in at_bound.items() if n} == {"pt_59": 30, "pt_100": 194, "pt_132": 80}


def test_the_affine_says_where_front_left_and_feet_are(cases_of):
    for case in cases_of("openkbp"):
        centre = centres_mm(case)
        assert centre[3][0] > centre[4][0]  # right and left parotid: x grows to the patient's right
        larynx, brainstem, oesophagus = centre[6], centre[1], centre[5]
        assert larynx[1] > brainstem[1]  # y grows to the front
        assert brainstem[2] > larynx[2] > oesophagus[2]  # z grows to the head
        assert np.linalg.det(case.affine[:3, :3]) > 0  # not a mirror image


def test_little_of_a_structure_lies_where_nothing_was_scanned(cases_of):
    if not cases_of.real:
        return  # the tiny layout stores three voxels of CT
    for case in cases_of("openkbp"):
        inside = case.label > 0
        structure = case.label[inside]
        unscanned = structure[case.image[0][inside] == -1024.0]
        share = unscanned.bincount(minlength=8)[1:] / structure.bincount(minlength=8)[1:]
        assert float(share.max()) < 0.025


def test_the_terms_ask_to_identify_nobody():
    assert "identify nobody" in openkbp.DATASET.notice()  # the scans include the face


def test_spacing_is_in_the_order_of_the_axes(cases_of):
    for case in cases_of("openkbp"):
        assert 3.9 <= case.spacing_mm[0] <= 5.08
        assert case.spacing_mm[2] in (2.5, 3.0)
    if not cases_of.real:
        assert cases_of("openkbp")[0].spacing_mm == (3.906, 4.5, 2.5)


def test_organs_are_small(cases_of):
    counts = torch.stack([torch.bincount(c.label.flatten(), minlength=8)[1:] for c in cases_of("openkbp")])
    assert int(counts.max()) <= 2201
    if cases_of.real:
        assert int(counts.min()) >= 60  # 67 before overlaps are settled


def test_the_smaller_organ_wins_an_overlap(cases_of):
    if cases_of.real:
        volume = sum(torch.bincount(c.label.flatten(), minlength=8) for c in cases_of("openkbp"))
        painted = [int(volume[openkbp.ORGANS.index(organ) + 1]) for organ in openkbp.PAINTED]
        assert all(first >= later for first, later in pairwise(painted))
    else:
        label = cases_of("openkbp")[0].label
        assert label[60, 64, 31] == 1  # brainstem over cord
        assert label[55, 90, 40] == 4  # parotid over mandible


def test_flat_indices_count_in_c_order_gzipped_or_not(tmp_path):
    packed, plain = read_all(openkbp.DATASET, openkbp.find(write_openkbp(tmp_path)))
    assert packed.id == "pt_4" and plain.id == "pt_13"
    torch.testing.assert_close(packed.label, plain.label)
    torch.testing.assert_close(packed.image, plain.image)
    assert packed.label[OPENKBP_MASKS["Larynx"][0]] == 6
    assert float(packed.image[0, 60, 64, 30]) == 40.0
    assert float(packed.image[0, 0, 1, 2]) == -1000.0


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("ct.csv", ",data\n12,99x\n", "damaged or no sparse CSV"),
        ("ct.csv", ",data\n12,99\n2097152,5\n", "outside the"),
        ("Larynx.csv", ",data\n", "lists no voxel"),
        ("Larynx.csv", ",data\n-1,\n", "outside the"),
        ("voxel_dimensions.csv", "3.9\n3.9\n", "2 voxel sizes where three"),
        ("voxel_dimensions.csv", "3.9\nwide\n2.5\n", "three voxel sizes"),
        ("voxel_dimensions.csv", "3.9\n3.9\n0.0\n", "positive"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_a_damaged_file_is_named(tmp_path, file, text, message):
    write_openkbp(tmp_path)
    path = tmp_path / "train-pats/pt_13" / file
    path.write_text(text)
    sources = [source for source in openkbp.find(tmp_path) if source.id == "pt_13"]
    with pytest.raises(DataError, match=message):
        read_all(openkbp.DATASET, sources)


def test_a_truncated_gzip_is_named(tmp_path):
    write_openkbp(tmp_path)
    path = tmp_path / "train-pats/pt_4/ct.csv.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"ct.csv.gz is damaged"):
        read_all(openkbp.DATASET, openkbp.find(tmp_path)[:1])
