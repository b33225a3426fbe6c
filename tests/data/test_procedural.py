"""Phantoms: same patient on every grid, exact truth, no shortcut through brightness alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.data.procedural import KINDS, phantom, phantoms
from segkit.data.registry import DATASETS
from segkit.errors import ConfigError

COARSE = {
    "ct_pelvis": (32, 32, 32),
    "ct_head_neck": (32, 36, 40),
    "cardiac_short_axis": (8, 48, 48),
    "hippocampus": (24, 30, 24),
    "ultrasound": (60, 90),
    "mr_abdomen": (48, 48, 20),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_phantom_is_a_valid_case_with_every_class(kind):
    for case in phantoms(kind, 2, seed=40):
        case.validate()
        assert case.group == case.id
        assert set(case.label.unique().tolist()) == set(range(case.n_classes))


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_voxels_and_another_seed_another_patient(kind):
    a, b, c = (phantom(kind, seed, shape=COARSE[kind]) for seed in (5, 5, 6))
    assert torch.equal(a.image, b.image) and torch.equal(a.label, b.label)
    assert (a.label != c.label).float().mean() > 0.002


@pytest.mark.parametrize("kind", KINDS)
def test_the_patient_does_not_depend_on_the_grid(kind):
    """Every third centre of a grid three times as fine is a centre of the coarse grid: labels are equal."""
    coarse = phantom(kind, 11, shape=COARSE[kind])
    fine = phantom(kind, 11, shape=[3 * n for n in COARSE[kind]])
    every_third = tuple(slice(1, None, 3) for _ in COARSE[kind])
    # A centre within rounding of a surface may fall on either side.
    assert (fine.label[every_third] != coarse.label).float().mean() < 1e-4
    assert np.allclose(np.array(fine.spacing_mm) * 3, coarse.spacing_mm)


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_resolution_is_the_same_anatomy(kind):
    coarse = phantom(kind, 2, shape=COARSE[kind])
    fine = phantom(kind, 2, shape=[2 * n for n in COARSE[kind]])
    for k in range(1, coarse.n_classes):
        a, b = (torch.argwhere(case.label == k).double() for case in (coarse, fine))
        volumes = [len(v) * np.prod(case.spacing_mm) for v, case in ((a, coarse), (b, fine))]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.25)
        centres = [_world(v.mean(0).numpy(), case) for v, case in ((a, coarse), (b, fine))]
        assert np.linalg.norm(centres[0] - centres[1]) < 0.6 * max(coarse.spacing_mm)


@pytest.mark.parametrize("kind", ["ct_pelvis", "ct_head_neck"])
def test_ct_is_in_hounsfield_units(kind):
    case = phantom(kind, 1)
    assert case.image.min() >= -1024
    assert 300 < case.image.quantile(0.999) < 3000
    soft = case.image[0][case.label == (1 if kind == "ct_pelvis" else case.classes.index("spinal cord"))]
    assert 0 < soft.median() < 60


def test_ct_head_neck_has_a_couch_outside_the_body():
    case = phantom("ct_head_neck", 4)
    from scipy.ndimage import label as components

    solid = (case.image[0] > -500).numpy()
    parts, n = components(solid)
    sizes = np.bincount(parts.ravel())[1:]
    assert n >= 2
    body = sizes.argmax() + 1
    assert set(np.unique(parts[case.label.numpy() > 0])) <= {0, body}
    # The board lies behind the patient: its voxels have larger indices along axis 0, which points backwards.
    board = [k + 1 for k in range(n) if k + 1 != body and sizes[k] > 200]
    assert board and all(np.argwhere(parts == k)[:, 0].mean() > 50 for k in board)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [("ct_pelvis", "prostate", "rectum"), ("hippocampus", "anterior", "posterior")],
)
def test_neighbours_cannot_be_told_apart_by_brightness(kind, one, other):
    """The best threshold between two touching classes is wrong for more than a fifth of their voxels."""
    for seed in range(3):
        case = phantom(kind, seed)
        a = case.image[0][case.label == case.classes.index(one)]
        b = case.image[0][case.label == case.classes.index(other)]
        cuts = torch.cat([a, b]).quantile(torch.linspace(0, 1, 101))
        balanced = [0.5 * ((a < t).float().mean() + (b >= t).float().mean()) for t in cuts]
        best = max(max(float(v), 1 - float(v)) for v in balanced)
        assert best < 0.8


def test_the_ultrasound_truth_is_an_ellipse():
    case = phantom("ultrasound", 8)
    points = torch.argwhere(case.label == 1).double().numpy() * case.spacing_mm
    centred = points - points.mean(0)
    half_axes = 2 * np.sqrt(np.linalg.eigvalsh(np.cov(centred.T)))
    area = np.pi * half_axes.prod()
    assert area == pytest.approx(len(points) * np.prod(case.spacing_mm), rel=0.01)
    assert 0.6 < half_axes[0] / half_axes[1] < 0.95
    angle = np.linspace(0, 2 * np.pi, 10_001)
    outline = np.stack([half_axes[0] * np.cos(angle), half_axes[1] * np.sin(angle)], 1)
    perimeter = np.linalg.norm(np.diff(outline, axis=0), axis=1).sum()
    assert case.meta["circumference_mm"] == pytest.approx(perimeter, rel=0.01)


def test_both_phases_of_the_heart_occur_and_systole_is_smaller():
    volume = {"ED": [], "ES": []}
    for case in (phantom("cardiac_short_axis", seed, shape=(8, 48, 48)) for seed in range(12)):
        left = (case.label == case.classes.index("left ventricle")).sum().item()
        volume[case.meta["phase"]].append(left * np.prod(case.spacing_mm))
    assert np.mean(volume["ES"]) < 0.8 * np.mean(volume["ED"])


def test_classes_are_those_of_the_data_set_that_a_phantom_stands_in_for():
    for dataset in DATASETS.values():
        assert phantom(dataset.phantom, 0, shape=COARSE[dataset.phantom]).classes == dataset.classes


def test_spacing_alone_keeps_the_field_of_view():
    usual = phantom("hippocampus", 0)
    fine = phantom("hippocampus", 0, spacing_mm=(0.5, 1.0, 2.0))
    assert fine.shape == (72, 50, 18)
    assert fine.spacing_mm == (0.5, 1.0, 2.0)
    assert np.allclose(np.diag(fine.affine)[:3], (0.5, 1.0, 2.0))
    assert np.allclose(
        _world(np.array(fine.shape) / 2 - 0.5, fine), _world(np.array(usual.shape) / 2 - 0.5, usual)
    )


def test_shape_and_spacing_together_cut_or_widen_the_view_round_its_middle():
    case = phantom("ct_pelvis", 0, shape=(20, 20, 20), spacing_mm=(4.0, 3.5, 2.75))
    whole = phantom("ct_pelvis", 0)
    assert torch.equal(case.label, whole.label[22:42, 22:42, 22:42])


def test_phantoms_are_consecutive_patients():
    assert [c.id for c in phantoms("hippocampus", 2, seed=7)] == [
        "phantom-hippocampus-7",
        "phantom-hippocampus-8",
    ]
    assert phantoms("hippocampus", 0) == []


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: phantom("ct_pelvs", 0), "did you mean 'ct_pelvis'"),
        (lambda: phantom("ct_pelvis", -1), "0 or more"),
        (lambda: phantom("ct_pelvis", 0, shape=(8, 8)), "3 positive numbers"),
        (lambda: phantom("ultrasound", 0, spacing_mm=(1.0, -1.0)), "2 positive numbers"),
        (lambda: phantoms("ct_pelvis", -2), "0 or more"),
    ],
)
def test_wrong_requests_get_one_sentence(call, says):
    with pytest.raises(ConfigError, match=says):
        call()


def _world(index, case):
    full = np.zeros(3)
    full[: len(index)] = index
    return case.affine[:3, :3] @ full + case.affine[:3, 3]
