"""Shapes, fields and the canvas that phantoms are painted on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data.phantom_kinds.canvas import Canvas, Waves, ct_noise, rician_noise
from segkit.data.phantom_kinds.shapes import column, curve, ellipsoid, half_space, rotation, tube

millimetres = st.floats(-6, 6)
AXES = ["RAS", "PLI", "IPL", "LAS", "SRA"]


def value_at(shape, *point):
    return float(shape.distance(*(np.full((1, 1, 1), c, np.float32) for c in point))[0, 0, 0])


@settings(max_examples=30, deadline=None)
@given(st.tuples(millimetres, millimetres, millimetres), st.floats(6, 14), st.sampled_from(AXES))
def test_a_ball_is_labelled_exactly_and_painted_with_its_volume(centre, radius, axes):
    canvas = Canvas((20, 24, 30), (2.0, 2.5, 1.5), axes=axes)
    canvas.paint(ellipsoid(centre, (radius,) * 3), 1.0, label=1)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in canvas.shape), indexing="ij"), -1)
    where = index @ canvas.affine[:3, :3].T + canvas.affine[:3, 3]
    gap = np.linalg.norm(where - centre, axis=-1) - radius
    clear = np.abs(gap) > 1e-4
    assert ((canvas.label == 1) == (gap < 0))[clear].all()
    # Partial volume: the sum of the voxels' shares is the volume of the ball.
    share = canvas.image.sum() * 2.0 * 2.5 * 1.5
    assert share == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.05)
    assert canvas.image.min() >= 0 and canvas.image.max() <= 1


def test_a_voxel_cut_in_half_by_a_thick_slice_is_half_painted():
    canvas = Canvas((4, 4, 3), (1.0, 1.0, 8.0))
    canvas.paint(half_space((0, 0, 2), (0, 0, 1)), 1.0)
    assert np.allclose(canvas.image[..., 0], 1)
    assert np.allclose(canvas.image[..., 1], 0.75, atol=1e-3)
    assert np.allclose(canvas.image[..., 2], 0)


def test_layers_lie_at_their_depth_and_labels_need_no_colour():
    canvas = Canvas((21, 21, 21), (1.0, 1.0, 1.0))
    ball = ellipsoid((0, 0, 0), (8, 8, 8))
    canvas.paint(ball, 1.0, (4.0, 5.0))
    assert canvas.image[10, 10, 10] == 5 and canvas.image[10, 10, 4] == 1 and canvas.image[10, 10, 0] == 0
    before = canvas.image.copy()
    canvas.paint(ball, label=3)
    assert (canvas.image == before).all() and canvas.label[10, 10, 10] == 3


def test_shapes_combine():
    a, b = ellipsoid((0, 0, 0), (5, 5, 5)), ellipsoid((4, 0, 0), (5, 5, 5))
    for point, in_union, in_both, in_rest in [
        ((-3, 0, 0), 1, 0, 1),
        ((2, 0, 0), 1, 1, 0),
        ((8, 0, 0), 1, 0, 0),
    ]:
        assert (value_at(a | b, *point) < 0) == in_union
        assert (value_at(a & b, *point) < 0) == in_both
        assert (value_at(a - b, *point) < 0) == in_rest
    assert value_at(a.grow(2), 6, 0, 0) == pytest.approx(-1, abs=1e-5)
    assert value_at(a.shell(1), 4.5, 0, 0) < 0 < value_at(a.shell(1), 3, 0, 0)


def test_distances_are_in_mm_near_the_surface():
    assert value_at(ellipsoid((0, 0, 0), (10, 4, 4), rotation(2, 90)), 0, 9.5, 0) == pytest.approx(
        -0.5, abs=0.05
    )
    assert value_at(tube(curve([(0, 0, -20), (0, 0, 0), (0, 0, 20)], 5), [2, 4]), 5, 0, 0) == pytest.approx(2)
    assert value_at(tube(np.array([(0.0, 0, 0), (0, 0, 5)]), 2, stretch=(3, 1, 1)), 6, 0, 1) == pytest.approx(
        0, abs=1e-5
    )
    pillar = column([(0, 0, 0, 4, 4), (10, 2, 0, 6, 6)], power=3)
    assert value_at(pillar, 6, 0, 5) == pytest.approx(0, abs=1e-5)
    assert value_at(pillar, 4, 0, -50) == pytest.approx(0, abs=1e-5)
    with pytest.raises(ValueError, match="two points"):
        value_at(tube(np.zeros((1, 3)), 1), 0, 0, 0)


def test_fields_are_functions_of_place_alone():
    waves = Waves(np.random.default_rng(0), (8, 20), n=60)
    one = Canvas((12, 30, 18), (1.0, 2.0, 3.0))
    same = waves(*one.open)
    turned = Canvas((18, 12, 30), (3.0, 1.0, 2.0), axes="SRA")
    assert np.allclose(waves(*turned.open), same.transpose(2, 0, 1), atol=1e-4)
    assert abs(same.mean()) < 0.1 and same.std() == pytest.approx(1, abs=0.2)
    single = Canvas((1, 1, 1), (1.0, 1.0, 1.0))
    assert waves(*single.open).shape == (1, 1, 1)


def test_a_warp_bends_by_about_what_it_says():
    canvas = Canvas((40, 40, 40), (2.0, 2.0, 2.0))
    canvas.warp(np.random.default_rng(1), 3.0, (30, 60))
    canvas.paint(half_space((0, 0, 0), (1, 0, 0)), 1.0)
    surface = canvas.image.sum(0) * 2.0
    assert 1.5 < surface.std() < 4.5


def test_noise_has_the_stated_strength():
    random = np.random.default_rng(2)
    flat = np.full((30, 30, 30), 40, np.float32)
    assert (ct_noise(flat, random, 15) - flat).std() == pytest.approx(15, rel=0.05)
    assert ct_noise(np.full_like(flat, -1020), random, 15).min() == -1024
    assert rician_noise(0 * flat, random, 2.0).mean() == pytest.approx(2 * np.sqrt(np.pi / 2), rel=0.03)
