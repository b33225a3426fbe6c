from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt

from segkit.coarse_refined import ContourPatchSampler
from segkit.coarse_refined.contour_patches import structures, widened, within
from segkit.errors import ConfigError, DataError
from tests.coarse_refined.shapes import disc, generator, heart

SAMPLER = ContourPatchSampler(8, patches=5, per_side=6, zone=2)


def drawn(sampler, labels, seed=0):
    found = sampler(labels, generator(seed))
    return found, labels.flatten(1)[found.image[:, None], found.pixels]


@pytest.mark.parametrize("size", [(24, 24), (13, 14, 12)])
def test_every_patch_has_both_sides_in_equal_numbers(size):
    labels = torch.cat([heart(size), disc(size, [0] * len(size), 5.0)])
    found, shown = drawn(SAMPLER, labels)
    assert len(found) == 3 * SAMPLER.patches  # two structures, and one at the corner of the second image
    own = shown == found.structure[:, None]
    assert own[:, :6].all()
    assert not own[:, 6:].any()


def test_pixels_lie_in_the_window_and_windows_in_the_image():
    labels = disc((20, 30), (1, 28), 4.0)
    found, _ = drawn(SAMPLER, labels)
    place = torch.stack([found.pixels // 30, found.pixels % 30], -1)
    inside = place - found.corner[:, None]
    assert found.corner.min() >= 0
    assert (found.corner <= torch.tensor([20, 30]) - 8).all()
    assert inside.min() >= 0
    assert inside.max() < 8


def test_half_of_the_pixels_come_from_the_blurred_zone():
    labels = torch.zeros(1, 20, 20, dtype=torch.int64)
    labels[:, :, 10:] = 1
    found, _ = drawn(ContourPatchSampler(12, patches=4, per_side=8, zone=2), labels)
    depth = (found.pixels % 20 - 9.5).abs() + 0.5  # 1 beside the contour
    assert ((depth <= 2).sum(1) == 8).all()
    assert (found.near == 4).all()


def test_a_side_that_is_all_zone_gives_zone_pixels_only():
    found, _ = drawn(ContourPatchSampler(8, patches=2, per_side=4, zone=8), disc())
    assert (found.near == 4).all()


def test_the_zone_gives_more_where_the_rest_is_scarce():
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    labels[:, :, 4:] = 1  # on each side 24 pixels in the zone and 8 beyond
    found, _ = drawn(ContourPatchSampler(8, patches=2, per_side=20, zone=3), labels)
    assert (found.near == 12).all()
    assert all(len(row.unique()) == 40 for row in found.pixels)


def test_pixels_are_distinct_while_there_are_enough():
    found, _ = drawn(ContourPatchSampler(12, patches=8, per_side=10), disc())
    assert all(len(row.unique()) == 20 for row in found.pixels)


def test_a_small_side_repeats_its_pixels():
    labels = torch.zeros(1, 12, 12, dtype=torch.int64)
    labels[0, 6, 6] = 1
    found, shown = drawn(SAMPLER, labels)
    assert (shown[:, :6] == 1).all()
    assert (found.pixels[:, :6] == 6 * 12 + 6).all()


def test_every_pixel_of_a_side_comes_up():
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    labels[:, :, 4:] = 1
    seen = torch.zeros(64)
    for seed in range(60):
        found, _ = drawn(ContourPatchSampler(8, patches=4, per_side=8, zone=2), labels, seed)
        seen += torch.bincount(found.pixels.flatten(), minlength=64)
    expected = torch.full((64,), 60 * 4 * 16 / 64)  # both sides are half zone: evenly spread
    assert ((seen - expected).abs() < 0.35 * expected).all()


def test_ignored_pixels_are_never_drawn_and_make_no_contour():
    labels = disc()
    labels[0, :12] = -1
    found, shown = drawn(SAMPLER, labels)
    assert len(found) == 5
    assert (shown >= 0).all()
    contour = within(*structures(labels), 1)[0, 0]
    assert not contour[:12].any()


def test_images_without_a_contour_give_nothing():
    labels = torch.stack([torch.zeros(16, 16).long(), torch.ones(16, 16).long(), disc((16, 16))[0]])
    found, _ = drawn(SAMPLER, labels)
    assert found.image.tolist() == [2] * 5
    nothing, _ = drawn(SAMPLER, labels[:2])
    assert nothing.pixels.shape == (0, 12)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.sampled_from([(9, 14), (16, 8), (8, 9, 11)]),
    classes=st.integers(2, 4),
    density=st.floats(0.02, 0.98),
    centred=st.booleans(),
)
def test_whatever_the_labels_every_patch_has_both_sides_in_its_window(seed, size, classes, density, centred):
    draw = generator(seed)
    labels = torch.randint(-1, classes, (3, *size), generator=draw)
    labels = labels.where(torch.rand(3, *size, generator=draw) < density, 0)
    sampler = ContourPatchSampler(6, patches=3, per_side=5, zone=2, centred=centred)
    found = sampler(labels, draw, n_classes=classes)
    shown = labels.flatten(1)[found.image[:, None], found.pixels]
    own = shown == found.structure[:, None]
    assert own[:, :5].all()
    assert not own[:, 5:].any()
    assert (shown >= 0).all()
    place = torch.stack(torch.unravel_index(found.pixels, size), -1) - found.corner[:, None]
    assert ((place >= 0) & (place < 6)).all()
    assert ((found.corner >= 0) & (found.corner <= torch.tensor(size) - 6)).all()
    if centred:
        inside, outside = structures(labels, classes)
        contour = within(inside, outside, 1).flatten(2).any(2)
        assert len(found) == 3 * int(contour.sum())


def test_the_same_generator_draws_the_same():
    labels = heart()
    first, second, other = (drawn(SAMPLER, labels, seed)[0].pixels for seed in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_random_windows_hold_both_sides_or_are_dropped():
    labels = disc((40, 40), radius=3.0)
    found, shown = drawn(ContourPatchSampler(8, patches=50, per_side=4, centred=False), labels)
    assert 0 < len(found) < 50
    assert (shown[:, :4] == 1).all()
    assert (shown[:, 4:] == 0).all()


def test_distances_are_those_of_the_maximum_norm():
    mask = disc()[0] > 0
    to_mask = torch.from_numpy(distance_transform_cdt(~mask.numpy(), metric="chessboard"))
    for reach in (1, 2, 3, 6, 40):
        assert torch.equal(widened(mask[None, None], reach)[0, 0], to_mask <= reach)


def test_gather_takes_the_rows_of_the_pixels():
    found, shown = drawn(SAMPLER, heart())
    maps = heart()[:, None].float().repeat(1, 2, 1, 1)
    assert torch.equal(found.gather(maps)[..., 1], shown.float())


def test_patches_larger_than_the_image():
    with pytest.raises(DataError, match="do not fit into images"):
        SAMPLER(torch.zeros(1, 7, 20, dtype=torch.int64), generator())


@pytest.mark.parametrize("options", [{"side": 3}, {"patches": 0}, {"zone_share": 2.0}])
def test_options_out_of_range(options):
    with pytest.raises(ConfigError, match="a patch has a side"):
        ContourPatchSampler(**options)
