"""Places are drawn evenly, without repeats as long as there are enough, by whichever way is the cheaper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.voxel_metric.drawing import draw_places, random_order


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(codes, parts, random):
    return draw_places(codes, np.bincount(codes).tolist(), parts, random)


@pytest.mark.parametrize(("size", "total"), [(12, 40), (200, 4000), (500, 900)])
def test_every_place_is_as_likely_as_any_other(size, total):
    """Out of a small part, a part that is small beside the image, and one that is drawn by trying."""
    random, n = generator(), 4
    codes = np.zeros(total, np.int16)
    places = random_order(total, random)[:size]
    codes[places] = 3
    counts = np.zeros(total)
    for _ in range(3000):
        (found,) = drawn(codes, [(3, n)], random)
        assert len(np.unique(found)) == n
        counts[found] += 1
    assert counts[codes != 3].sum() == 0
    expected = 3000 * n / size
    chi = ((counts[places] - expected) ** 2 / expected).sum()
    assert chi < size + 4 * (2 * size) ** 0.5


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 9999),
    wanted=st.lists(st.integers(1, 60), min_size=4, max_size=4),
    chances=st.lists(st.sampled_from([1, 5, 40]), min_size=4, max_size=4),
)
def test_each_part_gives_its_number_and_only_its_own(seed, wanted, chances):
    random = np.random.default_rng(seed)
    codes = random.choice(4, 700, p=np.array(chances) / sum(chances)).astype(np.int16)
    parts = [(k, n) for k, n in enumerate(wanted) if (codes == k).any()]
    for (code, n), found in zip(parts, drawn(codes, parts, generator(seed)), strict=True):
        assert len(found) == n and (codes[found] == code).all()
        repeats = np.bincount(found, minlength=700)[codes == code]
        assert repeats.max() - repeats.min() <= 1


def test_trying_in_vain_falls_back_to_the_list(monkeypatch):
    codes = np.zeros(900, np.int16)
    codes[:500] = 3
    monkeypatch.setattr(torch, "randint", lambda high, size, **options: torch.zeros(size, dtype=torch.int64))
    (found,) = drawn(codes, [(3, 4)], generator())
    assert len(np.unique(found)) == 4 and (codes[found] == 3).all()


def test_nothing_wanted_is_nothing_drawn():
    assert drawn(np.zeros(5, np.int16), [], generator()) == []
