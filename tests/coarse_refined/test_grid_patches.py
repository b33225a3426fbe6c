from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import GridPatchSampler
from segkit.errors import ConfigError, DataError
from tests.coarse_refined.shapes import generator, heart


def squares():
    """Four patches of side 4 in an image of 8 × 8: one is a structure, one looks like it."""
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    labels[0, :4, :4] = 1
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, :4, :4], image[0, 0, 4:, 4:] = 1.0, 0.9
    return image, labels


def test_patches_with_and_without_the_structure():
    found = GridPatchSampler(4, slots=3)(*squares(), generator(), n_classes=2)
    assert found.patch.shape == (1, 1, 6)
    assert found.used[0, 0].tolist() == [True, False, False, True, True, True]
    assert found.patch[0, 0, 0] == 0
    assert sorted(found.patch[0, 0, 3:].tolist()) == [1, 2, 3]
    assert found.fraction[0, 0, found.used[0, 0]].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_the_hardest_background_looks_like_the_structure():
    for seed in range(5):
        found = GridPatchSampler(4, slots=1, hard_share=1.0)(*squares(), generator(seed), n_classes=2)
        assert found.patch[0, 0].tolist() == [0, 3]
    easy = {
        GridPatchSampler(4, slots=1, hard_share=0.0)(*squares(), generator(seed), n_classes=2)
        .patch[0, 0, 1]
        .item()
        for seed in range(20)
    }
    assert easy == {1, 2, 3}


def test_no_patch_is_chosen_twice():
    labels = heart((64, 64))
    image = torch.randn(1, 1, 64, 64)
    found = GridPatchSampler(4, slots=20, share=0.1)(image, labels, generator(), n_classes=3)
    for used, patch in zip(found.used.flatten(0, 1), found.patch.flatten(0, 1), strict=True):
        chosen = patch[used].tolist()
        assert len(chosen) == len(set(chosen)) > 10


def test_a_structure_that_is_absent_gives_no_patches():
    image, labels = squares()
    found = GridPatchSampler(4)(image, labels, generator(), n_classes=3)
    assert not found.used[1].any()


def test_ignored_patches_are_not_used_and_fractions_are_of_annotated_pixels():
    image, labels = squares()
    labels[0, 4:, 4:] = -1
    labels[0, :4, :1] = -1
    found = GridPatchSampler(4, slots=3)(image, labels, generator(), n_classes=2)
    assert found.used.sum() == 3
    assert found.fraction[0, 0, 0] == 1.0
    assert 3 not in found.patch[0, 0][found.used[0, 0]].tolist()


def test_mixed_takes_every_share():
    image, labels = squares()
    labels[0, :4, 4:6] = 1
    found = GridPatchSampler(4, slots=3, mixed=True)(image, labels, generator(), n_classes=2)
    assert sorted(found.fraction[0, 0][found.used[0, 0]].tolist()) == [0.0, 0.0, 0.5, 1.0]


@pytest.mark.parametrize("size", [(11, 13), (9, 10, 12)])
def test_pixels_are_those_of_the_patch(size):
    labels = torch.zeros(1, *size, dtype=torch.int64)
    labels[0, :6, :6] = 1
    sampler = GridPatchSampler(4, slots=4)
    found = sampler(torch.randn(1, 1, *size), labels, generator(3), n_classes=2)
    place = sampler.pixels(found, torch.Size(size), 10**9, generator())
    assert place.shape[-1] == 4 ** len(size)
    shown = (labels.flatten()[place] == 1).float().mean(-1)
    used = found.used
    torch.testing.assert_close(shown[used], found.fraction[used])
    fewer = sampler.pixels(found, torch.Size(size), 5, generator())
    assert all(
        set(few.tolist()) <= set(all_.tolist()) and len(few.unique()) == 5
        for few, all_ in zip(fewer.flatten(0, 2), place.flatten(0, 2), strict=True)
    )


def test_patches_larger_than_the_image():
    with pytest.raises(DataError, match="do not fit into images"):
        GridPatchSampler(9)(*squares(), generator(), n_classes=2)


@pytest.mark.parametrize("options", [{"side": 0}, {"share": 0.0}, {"hard_share": 1.5}])
def test_options_out_of_range(options):
    with pytest.raises(ConfigError, match="side and slots"):
        GridPatchSampler(**options)
