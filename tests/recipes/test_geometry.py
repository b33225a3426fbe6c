"""Patches fit the images and the budget, whatever the grid."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segkit.errors import ConfigError
from segkit.nets import UNet
from segkit.recipes.geometry import SMALLEST, fit_geometry


@given(
    shape=st.lists(st.integers(8, 512), min_size=2, max_size=3),
    steps=st.lists(st.floats(0.3, 8.0), min_size=3, max_size=3),
    voxels=st.integers(1000, 4_000_000),
    levels=st.integers(1, 6),
)
def test_any_grid(shape, steps, voxels, levels):
    patch, strides = fit_geometry(shape, steps[: len(shape)], voxels=voxels, levels=levels)
    total = [math.prod(stride[axis] for stride in strides) for axis in range(len(shape))]
    assert 1 <= len(strides) <= levels
    assert strides[0] == (1,) * len(shape)
    assert all(n % t == 0 and n >= t for n, t in zip(patch, total, strict=True))
    assert all(n < whole + t for n, whole, t in zip(patch, shape, total, strict=True))
    assert all(n / t >= SMALLEST / 2 or t == 1 for n, t in zip(patch, total, strict=True))
    slack = math.prod((n + t) / n for n, t in zip(patch, total, strict=True))
    assert math.prod(patch) <= voxels * slack + 1


def test_what_nnunet_makes_of_the_hippocampus():
    """Its published plan for Task04 has patches of 40 × 56 × 40."""
    patch, strides = fit_geometry((36, 50, 35), (1.0, 1.0, 1.0), voxels=128**3, levels=6)
    assert patch == (40, 56, 40)
    assert len(strides) == 4


def test_thick_slices_are_halved_last():
    strides = fit_geometry((320, 320, 20), (0.6, 0.6, 4.0), voxels=2**21, levels=6).strides
    assert strides[1] == strides[2] == (2, 2, 1)
    assert any(stride[2] == 2 for stride in strides[3:])


def test_a_network_can_be_built():
    patch, strides = fit_geometry((36, 50, 35), None, voxels=20_000, levels=3)
    assert UNet(3, 1, 2, (4, 8, 16), strides=strides).total_stride == (4, 4, 4)
    assert len(patch) == 3


def test_nonsense():
    with pytest.raises(ConfigError, match="needs an image, voxels and levels"):
        fit_geometry((8, 0), None, voxels=10, levels=1)
