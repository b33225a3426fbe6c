"""Intensity scales, and what they do to images without contrast."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data import Case, percentile, window, z_score
from segkit.errors import ConfigError


def case_of(image):
    return Case(image, None, None, np.eye(4), "c", "c")


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-3, 1e6), st.floats(-1e5, 1e5), st.integers(0, 99))
def test_z_score_undoes_any_scale_and_shift(scale, shift, seed):
    base = torch.randn(2, 6, 7, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if scale < abs(shift) * 1e-3:  # float32 keeps too few digits of such an image for what follows
        return
    changed = z_score(case_of((base * scale + shift).float())).image
    assert torch.allclose(changed, z_score(case_of(base.float())).image, atol=3e-3)
    assert changed.mean((1, 2, 3)).abs().max() < 1e-4
    assert torch.allclose(changed.std((1, 2, 3), correction=0), torch.ones(2), atol=1e-4)


def test_z_score_of_tissue_alone():
    image = torch.cat([torch.full((1, 5, 5), -1000.0), torch.randn(1, 5, 5) * 20 + 40], dim=1)
    out = z_score(case_of(image), above=-500).image
    assert out[0, 5:].mean().abs() < 1e-4 and out[0, 5:].std(correction=0) == pytest.approx(1, abs=1e-4)
    assert (out[0, :5] < -30).all()


@pytest.mark.parametrize("scale", [z_score, percentile])
@pytest.mark.parametrize("value", [0.0, 1.7e6, -3.3])
def test_a_channel_without_contrast_becomes_zero(scale, value):
    assert torch.equal(scale(case_of(torch.full((1, 4, 4), value))).image, torch.zeros(1, 4, 4))


def test_window_clips_and_scales():
    image = torch.tensor([[[-2000.0, -160.0, 40.0, 240.0, 3000.0]]])
    assert window(case_of(image), -160, 240).image.ravel().tolist() == [0, 0, 0.5, 1, 1]


def test_percentiles_are_per_channel_and_cut_outliers():
    image = torch.stack([torch.arange(10_001.0), torch.arange(10_001.0) * 7 - 5]).reshape(2, 73, 137)
    image[1, -1, -1] = 1e9
    out = percentile(case_of(image), 1, 99).image
    assert out.amin() == 0 and out.amax() == 1
    assert torch.allclose(out[0].ravel()[:9000], out[1].ravel()[:9000], atol=1e-3)
    assert out[0].ravel()[5000] == pytest.approx(0.5, abs=1e-3)


def test_the_original_is_untouched_and_the_rest_kept():
    case = case_of(torch.rand(1, 4, 4))
    before = case.image.clone()
    for out in (z_score(case), window(case, 0.2, 0.8), percentile(case)):
        assert torch.equal(case.image, before)
        assert out.id == case.id and out.image.dtype == torch.float32


@pytest.mark.parametrize(
    "call",
    [
        lambda c: window(c, 1, 1),
        lambda c: window(c, float("nan"), 1),
        lambda c: percentile(c, 50, 50),
        lambda c: percentile(c, -1, 99),
        lambda c: z_score(c, above=10),
    ],
)
def test_impossible_scales_are_refused(call):
    with pytest.raises(ConfigError):
        call(case_of(torch.rand(1, 3, 3)))
