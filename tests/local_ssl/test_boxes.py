"""Two boxes share what was promised, stay in the volume, and are turned by whole right angles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.errors import ConfigError, DataError
from segkit.local_ssl import TwoBoxes, shared_box
from segkit.local_ssl.boxes import STEP

EXTENT = (40, 50, 60)


def draws(boxes, extent=EXTENT, number=40):
    random = np.random.default_rng(0)
    return [boxes.draw(extent, random) for _ in range(number)]


@settings(max_examples=60, deadline=None)
@given(
    overlap=st.floats(0, 1),
    extent=st.tuples(*[st.integers(3, 60)] * 3),
    scale=st.tuples(st.floats(0.5, 1.5), st.floats(0, 0.8)),
    seed=st.integers(0, 99),
)
def test_overlap_is_never_below_the_bound_and_boxes_stay_in_the_volume(overlap, extent, scale, seed):
    low, high = scale[0], scale[0] + scale[1]
    boxes = TwoBoxes((8, 16, 13), scale=(low, high), overlap=overlap)
    first, second = boxes.draw(extent, np.random.default_rng(seed))
    begin, end = shared_box(first, second)
    assert ((end - begin) >= overlap * torch.minimum(first.size, second.size)).all()
    for one in (first, second):
        fits = one.size <= one.extent
        last = one.low + one.size
        assert torch.equal(one.low >= 0, fits | (one.low == 0))
        assert torch.equal(last <= one.extent, fits | (last == one.extent))  # else it holds the whole volume
        assert (one.size / STEP).frac().eq(0).all() and (one.low / STEP).frac().eq(0).all()
        sides = one.size[0] / torch.tensor([8, 16, 13])
        assert ((sides >= low - STEP) & (sides <= high + STEP)).all()


@settings(max_examples=40, deadline=None)
@given(min_iou=st.floats(0, 0.5), seed=st.integers(0, 99))
def test_the_shared_share_of_the_volume_is_never_below_its_bound(min_iou, seed):
    boxes = TwoBoxes((10, 12, 14), scale=(0.9, 1.1), overlap=0.0, min_iou=min_iou)
    first, second = boxes.draw(EXTENT, np.random.default_rng(seed))
    begin, end = shared_box(first, second)
    shared = (end - begin).clamp(min=0).prod()
    assert shared / (first.size.prod() + second.size.prod() - shared) >= min_iou


def test_the_bound_is_reached_so_views_are_no_closer_than_they_must_be():
    shares = []
    for first, second in draws(TwoBoxes((10, 10, 10), scale=(1, 1), overlap=0.25), number=300):
        begin, end = shared_box(first, second)
        shares.append(float(((end - begin) / first.size).min()))
    assert 0.25 <= min(shares) < 0.27
    assert max(shares) > 0.7


def test_every_part_of_the_volume_is_seen_and_both_views_alike():
    pairs = draws(TwoBoxes((10, 10, 10), scale=(1, 1.2)), number=400)
    lows = torch.stack([torch.cat([pair[0].low, pair[1].low]) for pair in pairs])
    assert (lows.amin(0) < 3).all()
    assert (lows.amax(0) + 11 > torch.tensor(EXTENT) - 3).all()
    means = lows.mean(0)
    assert (means[0] - means[1]).abs().max() < 2.5  # the spread of a mean of 400 is below 0.8


def test_drawing_is_a_function_of_the_generator():
    boxes = TwoBoxes((8, 8, 8), flip_axes=(0, 1, 2), turns=[(0, 1)])
    one, same = draws(boxes), draws(boxes)
    assert all(
        torch.equal(a.rows, b.rows) for p, q in zip(one, same, strict=True) for a, b in zip(p, q, strict=True)
    )


def test_flips_and_turns_give_every_orientation():
    boxes = TwoBoxes((8, 8, 8), flip_axes=(0,), turns=[(1, 2)])
    found = {
        (*one.axes[0].tolist(), *one.flips[0].tolist()) for pair in draws(boxes, number=100) for one in pair
    }
    assert len(found) == 2 * 4
    assert all(orientation[0] == 0 for orientation in found)  # nothing turns out of the plane


def test_turns_mirror_nothing():
    boxes = TwoBoxes((8, 8, 8), turns=[(0, 1), (1, 2)])
    for pair in draws(boxes):
        for one in pair:
            matrix = torch.eye(3)[one.axes[0]] * torch.where(one.flips[0], -1.0, 1.0)[:, None]
            assert torch.linalg.det(matrix) > 0


def test_together_gives_both_views_one_orientation():
    boxes = TwoBoxes((8, 8, 8), flip_axes=(0, 1, 2), turns=[(1, 2)], together=True)
    pairs = draws(boxes)
    assert all(torch.equal(a.axes, b.axes) and torch.equal(a.flips, b.flips) for a, b in pairs)
    assert any(a.flips.any() for a, _ in pairs) and any(not torch.equal(a.low, b.low) for a, b in pairs)


def test_one_range_per_axis():
    for pair in draws(TwoBoxes((16, 8, 8), scale=[(1, 1), (1.1, 1.4), (0.5, 0.5)])):
        for one in pair:
            assert one.size[0, 0] == 16 and one.size[0, 2] == 4
            assert 8.8 - STEP <= one.size[0, 1] <= 11.2 + STEP


def test_two_dimensions():
    (first, second), *_ = draws(TwoBoxes((16, 16), turns=[(0, 1)]), extent=(30, 40))
    assert first.rows.shape == second.rows.shape == (1, 5, 2)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"shape": (8,)}, "two or three axes"),
        ({"scale": [(1, 1), (1, 1)]}, "one per axis"),
        ({"scale": (1.2, 1.1)}, "range of scales"),
        ({"scale": (0, 1)}, "positive"),
        ({"overlap": 1.01}, "shares in"),
        ({"overlap": -0.1}, "shares in"),
        ({"min_iou": 0.6, "scale": (1, 1.25)}, "min_iou = 0.6 cannot be met: .* may be 0.512 of the other"),
        ({"flip_axes": (3,)}, "axis 3 does not exist"),
        ({"turns": [(0, 3)]}, "axis 3 does not exist"),
        ({"shape": (8, 8, 9), "turns": [(1, 2)]}, "cannot be turned"),
        ({"turns": [(1, 1)]}, "cannot be turned"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        TwoBoxes(**{"shape": (8, 8, 8), **options})


def test_a_volume_that_is_too_small_is_refused_if_it_may_not_be_padded():
    boxes = TwoBoxes((8, 8, 8), scale=(1, 1), pad=False)
    boxes.draw((8, 8, 8), np.random.default_rng(0))
    with pytest.raises(DataError, match=r"\(8, 7, 8\) is smaller than the box \[8.0, 8.0, 8.0\]"):
        boxes.draw((8, 7, 8), np.random.default_rng(0))
    with pytest.raises(DataError, match="cannot be cut from a volume of shape"):
        boxes.draw((8, 8), np.random.default_rng(0))
