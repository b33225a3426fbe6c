"""The worst mask, and inputs of a network that need not be built as ours are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.exercises import check
from segkit.exercises.judging import Hint
from segkit.exercises.mask_prior.constant import SHAPE, _judge_worst, _one_voxel, _right

NAME = "mask_prior.constant_channel"


@given(st.integers(1, int(np.prod(SHAPE)) - 1))
def test_the_largest_number_is_the_one_of_the_formula(ones):
    mask = (np.arange(np.prod(SHAPE)) < ones).astype(float)
    score = np.abs((mask - mask.mean()) / mask.std()).max()
    share = mask.mean()
    assert np.isclose(score, np.sqrt(max(1 / share, 1 / (1 - share)) - 1))
    if ones in (1, mask.size - 1):
        _judge_worst(mask.reshape(SHAPE))
    else:
        with pytest.raises(Hint, match=f"is {score:.3g}, up to its sign"):
            _judge_worst(mask.reshape(SHAPE))


HOLE = 1 - _one_voxel()


@pytest.mark.parametrize("worst", [HOLE, torch.from_numpy(HOLE).bool(), HOLE.tolist()], ids=type)
def test_a_hole_and_any_form_is_as_bad(worst):
    assert check(NAME, (worst, _right))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_constant_mask_has_no_score(value):
    assert "Your mask is constant" in check(NAME, (np.full(SHAPE, value), _right)).hint


def test_a_loop_over_channels_and_the_other_deviation():
    def network_input(image, masks):
        channels = []
        for channel in image:
            deviation = channel.std()
            channels.append((channel - channel.mean()) / (deviation if deviation > 1e-5 else 1.0))
        return torch.stack([*channels, *masks.float()])

    assert check(NAME, (_one_voxel(), network_input))


@pytest.mark.parametrize(
    ("network_input", "hint"),
    [
        (lambda image, masks: _right(image, masks).double(), "float32"),
        (lambda image, masks: _right(image, masks).numpy(), "float32"),
        (lambda image, masks: _right(image, masks[:1]), "an array of shape"),
        (lambda image, masks: _right(image, ~masks), "yours gives"),
        (lambda image, masks: image[9], "IndexError"),
    ],
    ids=["double", "array", "one mask", "inverted", "raises"],
)
def test_other_inputs(network_input, hint):
    found = check(NAME, (_one_voxel(), network_input)).hint
    assert found.startswith("`network_input`: ")
    assert hint in found
