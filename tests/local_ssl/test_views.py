"""Pairs of views by number: functions of the seed, each with its place, from cases of any shape."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.data import Case, Prefetch
from segkit.errors import ConfigError, DataError
from segkit.local_ssl import Intensity, Placement, TwoBoxes, ViewBatches, cut, make_views


def case(shape=(12, 14, 16), channels=1, name="a", seed=0):
    image = torch.randn(channels, *shape, generator=torch.Generator().manual_seed(seed))
    return Case(image, None, None, np.eye(4), id=name, group=name)


def cases(number=3):
    return [case((12, 14, 16 + i), name=str(i), seed=i) for i in range(number)]


def batches(number=3, batch_size=4, **options):
    boxes = TwoBoxes((6, 8, 8), scale=(0.8, 1.2), overlap=0.4, flip_axes=(0, 2), turns=[(1, 2)])
    return ViewBatches(cases(number), boxes, batch_size=batch_size, **{"seed": 0, **options})


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_batch_is_a_function_of_seed_and_number():
    one, other = batches(intensity=Intensity()), batches(intensity=Intensity())
    later = other[7]
    assert same(one[3], other[3]) and same(one[7], later)
    assert not same(one[3], one[4])
    assert not same(one[3], batches(intensity=Intensity(), seed=1)[3])


def test_parts_are_rows_of_the_batch():
    whole = batches(intensity=Intensity(), air_below=-0.5)
    for rank in (0, 1):
        part = whole.part(2, rank, 2)
        assert same(part, {key: value[rank::2] for key, value in whole[2].items()})
    with pytest.raises(ConfigError, match="4 cannot be shared evenly by 3"):
        whole.part(0, 0, 3)


def test_a_case_that_comes_again_is_cut_elsewhere():
    alone = batches(number=1, batch_size=1)
    assert len({alone[i]["place1"][0, 0, 0].item() for i in range(8)}) > 4


def test_threads_make_the_same_batches():
    plain = batches(intensity=Intensity())
    with Prefetch(plain, workers=2) as ahead:
        assert all(same(ahead[i], plain[i]) for i in range(4))


def test_every_case_comes_once_before_any_comes_again():
    extents = batches(number=3, batch_size=1)
    seen = [[int(extents[3 * turn + i]["place1"][0, 4, 2]) for i in range(3)] for turn in range(5)]
    assert all(sorted(turn) == [16, 17, 18] for turn in seen)
    assert len({tuple(turn) for turn in seen}) > 1


def test_views_are_cut_where_their_places_say():
    batch = batches(number=1)[0]
    image = cases(1)[0].image[None].expand(4, -1, -1, -1, -1)
    for number in (1, 2):
        place = Placement(batch[f"place{number}"], (6, 8, 8))
        torch.testing.assert_close(batch[f"view{number}"], cut(image, place))


def test_tissue_is_what_is_bright_and_inside_before_intensities_change():
    volume = torch.full((1, 1, 4, 10), -5.0)
    volume[..., 5:] = 2.0
    boxes = TwoBoxes((6, 10), scale=(1, 1), overlap=1.0)
    batch = make_views(volume, boxes, 0, intensity=Intensity(noise=1, noise_variance=(9, 9)), air_below=0.0)
    inside = Placement(batch["place1"], (6, 10)).in_volume(Placement(batch["place1"], (6, 10)).centres())
    assert inside.sum() == 40
    wanted = inside & (torch.arange(10) >= 5)
    assert torch.equal(batch["tissue1"], wanted)


def test_a_batch_of_volumes_is_cut_at_once():
    volumes = torch.randn(3, 2, 12, 12)
    batch = make_views(volumes, TwoBoxes((6, 6), scale=(1, 1.5), turns=[(0, 1)]), seed=(1, 2))
    assert batch["view1"].shape == (3, 2, 6, 6)
    for i in range(3):
        place = Placement(batch["place2"][i : i + 1], (6, 6))
        torch.testing.assert_close(batch["view2"][i : i + 1], cut(volumes[i : i + 1], place))


def test_views_smaller_than_a_volume_are_padded_or_refused():
    boxes = TwoBoxes((20, 8, 8), scale=(1, 1))
    batch = ViewBatches(cases(), boxes, batch_size=2, seed=0, air_below=-100.0)[0]
    assert batch["view1"].isfinite().all()
    assert batch["tissue1"].flatten(2).any(2).sum(1).tolist() == [12, 12]  # slices that the volume has
    with pytest.raises(DataError, match="smaller than the box"):
        ViewBatches(cases(), TwoBoxes((20, 8, 8), scale=(1, 1), pad=False), batch_size=2, seed=0)


def test_constant_volumes_give_constant_views():
    flat = case()
    flat.image.fill_(3.0)
    batch = ViewBatches([flat], TwoBoxes((6, 6, 6)), batch_size=1, seed=0, intensity=Intensity(noise=0))[0]
    torch.testing.assert_close(batch["view1"], torch.full_like(batch["view1"], 3.0))


def test_what_cannot_be_is_refused():
    boxes = TwoBoxes((6, 6, 6))
    with pytest.raises(DataError, match="no cases"):
        ViewBatches([], boxes, batch_size=1, seed=0)
    with pytest.raises(ConfigError, match="batch_size of 1 or more"):
        ViewBatches(cases(), boxes, batch_size=0, seed=0)
    with pytest.raises(DataError, match="b has 2 channels and a has 1"):
        ViewBatches([case(), case(channels=2, name="b")], boxes, batch_size=1, seed=0)
    with pytest.raises(DataError, match="cannot be cut"):
        ViewBatches(cases(), TwoBoxes((6, 6)), batch_size=1, seed=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_intensities_that_are_no_numbers_are_refused(value):
    spoilt = case(name="b")
    spoilt.image[0, 1, 2, 3] = value
    with pytest.raises(DataError, match="the image of b holds NaN or infinite intensities"):
        ViewBatches([case(), spoilt], TwoBoxes((6, 6, 6)), batch_size=1, seed=0)
