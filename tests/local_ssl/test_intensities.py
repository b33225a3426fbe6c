"""Intensities change as drawn, each view apart, in its place, and a flat view stays flat."""

from __future__ import annotations

import pytest
import torch
from scipy.ndimage import gaussian_filter

from segkit.errors import ConfigError
from segkit.local_ssl import Intensity

NONE = {"noise": 0.0, "blur": 0.0, "brightness": 0.0, "gamma": 0.0}


def changed(views, seed=0, **options):
    return Intensity(**{**NONE, **options})(views, torch.Generator().manual_seed(seed))


def views(number=3, size=(6, 7, 8)):
    return torch.randn(number, 2, *size, generator=torch.Generator().manual_seed(1))


def test_nothing_drawn_is_nothing_done():
    given = views()
    assert torch.equal(changed(given), given)


def test_the_given_views_are_left_alone():
    given = views()
    before = given.clone()
    changed(given, noise=1, blur=1, brightness=1, gamma=1)
    assert torch.equal(given, before)


def test_each_view_is_drawn_apart_and_as_often_as_asked_for():
    given = views(400, (4, 4))
    moved = (changed(given, noise=0.3) != given).flatten(1).any(1)
    assert 0.2 < moved.float().mean() < 0.4
    assert torch.equal(changed(given, noise=0.3)[~moved], given[~moved])


def test_the_generator_decides():
    given = views()
    options = {"noise": 0.5, "blur": 0.5, "brightness": 0.5, "gamma": 0.5}
    assert torch.equal(changed(given, **options), changed(given, **options))
    assert not torch.equal(changed(given, seed=1, **options), changed(given, **options))


def test_noise_has_the_variance_that_was_asked_for():
    noise = changed(torch.zeros(4, 1, 40, 40), noise=1, noise_variance=(0.25, 0.25))
    assert noise.std().item() == pytest.approx(0.5, rel=0.05)
    assert abs(noise.mean()) < 0.05


def test_blur_is_a_gaussian_with_the_border_continued():
    given = views(2)
    found = changed(given, blur=1, blur_sigma=(0.8, 0.8))
    for b in range(2):
        for c in range(2):
            wanted = gaussian_filter(given[b, c].double().numpy(), 0.8, mode="nearest", radius=3)
            torch.testing.assert_close(found[b, c].double(), torch.from_numpy(wanted), atol=1e-5, rtol=0)


def test_a_blur_of_no_width_changes_nothing():
    given = views()
    torch.testing.assert_close(changed(given, blur=1, blur_sigma=(0, 0)), given)


def test_brightness_multiplies_and_stays_in_the_range():
    given = views()
    darker = changed(given, brightness=1, brightness_factor=(0.5, 0.5))
    torch.testing.assert_close(darker, 0.5 * given)
    brighter = changed(given, brightness=1, brightness_factor=(2, 2))
    low, high = given.flatten(2).amin(2), given.flatten(2).amax(2)
    assert torch.equal(brighter.flatten(2).amin(2), low)
    assert torch.equal(brighter.flatten(2).amax(2), high)


def test_gamma_bends_and_keeps_the_ends():
    given = torch.linspace(-1, 3, 9).reshape(1, 1, 3, 3)
    found = changed(given, gamma=1, gamma_power=(2, 2))
    torch.testing.assert_close(found, -1 + 4 * torch.linspace(0, 1, 9).reshape(1, 1, 3, 3) ** 2)


@pytest.mark.parametrize("value", [0.0, -3.5, 1e6])
def test_a_constant_volume_stays_finite_and_without_noise_constant(value):
    given = torch.full((2, 1, 5, 5), value)
    found = changed(given, blur=1, brightness=1, gamma=1, brightness_factor=(1.2, 1.2))
    torch.testing.assert_close(found, given)
    assert changed(given, noise=1).isfinite().all()


@pytest.mark.parametrize(
    "options", [{"noise": 1.1}, {"blur": -0.1}, {"gamma_power": (2, 1)}, {"blur_sigma": (-1, 1)}]
)
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ConfigError, match="probabilities in"):
        Intensity(**options)
