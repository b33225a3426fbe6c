from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import StrongView, noisy
from segkit.coarse_refined.views import blurred
from segkit.errors import ConfigError
from tests.coarse_refined.shapes import generator

QUIET = {"contrast": 0.0, "offset": 0.0, "blur": 0.0, "noise": 0.0, "cutout": 0.0}


def test_noise_is_cut():
    image = torch.zeros(2, 1, 50, 50)
    change = noisy(image, generator())
    assert change.abs().max() == pytest.approx(0.2)
    assert change.std() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("size", [(12, 9), (6, 7, 8)])
def test_a_strong_view_is_of_the_same_size_and_repeats_itself(size):
    image = torch.randn(3, 2, *size)
    first, second, other = (StrongView()(image, generator(seed)) for seed in (1, 1, 2))
    assert first.shape == image.shape
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_nothing_on_leaves_the_image():
    image = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(StrongView(**QUIET)(image, generator()), image)


def test_the_cut_out_square_holds_the_mean():
    image = torch.randn(2, 1, 12, 9) + 5
    out = StrongView(**{**QUIET, "cutout": 1 / 3})(image, generator())
    changed = (out != image).any(1)
    assert changed.flatten(1).sum(1).tolist() == [12, 12]
    for before, after, where in zip(image, out, changed, strict=True):
        torch.testing.assert_close(after[0][where], before.mean().expand(12))
    assert not torch.equal(changed[0], changed[1])


def test_contrast_keeps_the_mean_and_offset_moves_it():
    image = torch.randn(4, 1, 16, 16)
    means = image.mean((1, 2, 3))
    harder = StrongView(**{**QUIET, "contrast": 0.5})(image, generator())
    torch.testing.assert_close(harder.mean((1, 2, 3)), means, atol=1e-5, rtol=0)
    moved = StrongView(**{**QUIET, "offset": 0.5})(image, generator()).mean((1, 2, 3)) - means
    assert 0 < moved.abs().max() <= 0.5


@pytest.mark.parametrize("size", [(9, 9), (5, 5, 5)])
def test_blur_is_a_binomial_filter(size):
    image = torch.zeros(1, 1, *size)
    middle = tuple(n // 2 for n in size)
    image[(0, 0, *middle)] = 1.0
    out = blurred(image)
    assert out[(0, 0, *middle)] == 0.5 ** len(size)
    assert out.sum() == pytest.approx(1.0)
    torch.testing.assert_close(blurred(torch.ones(2, 3, *size)), torch.ones(2, 3, *size))


def test_no_gradient_flows_into_the_image():
    image = torch.randn(1, 1, 8, 8, requires_grad=True)
    assert not StrongView()(image, generator()).requires_grad


@pytest.mark.parametrize("options", [{"contrast": 1.0}, {"noise": -1.0}, {"cutout": 1.0}])
def test_numbers_out_of_range(options):
    with pytest.raises(ConfigError, match="contrast and cutout"):
        StrongView(**options)
