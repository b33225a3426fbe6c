from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.errors import ConfigError
from segkit.nets.grid import as_strides, crop_to, cumulated, pad_to_multiple


def test_default_strides():
    assert as_strides(None, 3, 2) == [(1, 1), (2, 2), (2, 2)]


def test_strides_per_axis():
    strides = as_strides([1, (1, 2, 2), 2], 3, 3)
    assert strides == [(1, 1, 1), (1, 2, 2), (2, 2, 2)]
    assert cumulated(strides) == [(1, 1, 1), (1, 2, 2), (2, 4, 4)]


@pytest.mark.parametrize(
    ("strides", "message"),
    [
        ([1, 2], "2 strides for 3 levels"),
        ([1, 2, (2, 2)], r"stride \(2, 2\) of level 2 is not 3 positive integers"),
        ([1, 0, 2], r"stride \(0, 0, 0\) of level 1"),
    ],
)
def test_strides_that_do_not_fit(strides, message):
    with pytest.raises(ConfigError, match=message):
        as_strides(strides, 3, 3)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4)), min_size=2, max_size=3))
def test_padding_is_behind_and_cropping_undoes_it(axes):
    size, multiple = zip(*axes, strict=True)
    image = torch.rand(1, 2, *size)
    padded = pad_to_multiple(image, multiple)
    assert all(n % m == 0 and n - s < m for n, m, s in zip(padded.shape[2:], multiple, size, strict=True))
    assert padded.sum() == pytest.approx(image.sum().item(), rel=1e-5)
    assert torch.equal(crop_to(padded, size, (1,) * len(size)), image)


def test_layout_survives_padding():
    image = torch.rand(2, 3, 5, 6, 7).to(memory_format=torch.channels_last_3d)
    assert pad_to_multiple(image, (4, 4, 4)).is_contiguous(memory_format=torch.channels_last_3d)
