"""The gradient of weights that start at 0, against autograd, and layers in other forms."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from segkit.exercises import check
from segkit.exercises.mask_prior.layers import widened
from segkit.exercises.mask_prior.widening import _by_hand, _by_machine, _gradient

NAME = "mask_prior.zero_start"


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    masks = (torch.rand(2, 3, 5, 6, generator=generator) < 0.5).double()
    return masks, torch.randn(2, 4, 5, 6, generator=generator, dtype=torch.float64)


def test_the_oracle_is_the_gradient_of_a_layer(batch):
    torch.testing.assert_close(_gradient(*batch), _by_machine(*batch))
    torch.testing.assert_close(_by_hand(*batch), _by_machine(*batch))


def test_the_gradient_is_that_of_the_widened_layer(batch):
    masks, delta = batch
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 4, 3, padding=1, dtype=torch.float64)
    wide = widened(conv, 3).double()
    image = torch.randn(2, 1, 5, 6, dtype=torch.float64)
    (wide(torch.cat([image, masks], 1)) * delta).sum().backward()
    torch.testing.assert_close(wide.weight.grad[:, 1:], _by_hand(masks, delta))


def test_the_oracle_changes_no_output():
    torch.manual_seed(0)
    conv = nn.Conv3d(2, 3, 3, padding=1)
    image, masks = torch.randn(1, 2, 4, 5, 6), torch.randn(1, 2, 4, 5, 6)
    torch.testing.assert_close(widened(conv, 2)(torch.cat([image, masks], 1)), conv(image))


def test_a_copy_that_gets_a_new_weight():
    def answer(conv, extra):
        wide = copy.deepcopy(conv)
        zeros = torch.zeros(conv.out_channels, extra, *conv.kernel_size)
        wide.weight = nn.Parameter(torch.cat([conv.weight.detach(), zeros], 1))
        wide.in_channels += extra
        return wide

    def by_offsets(masks, delta):
        height, width = masks.shape[2:]
        around = torch.nn.functional.pad(masks, (1, 1, 1, 1))
        at = [around[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        each = [torch.einsum("bchw,bohw->oc", moved, delta) for moved in at]
        return torch.stack(each, -1).unflatten(-1, (3, 3))

    assert check(NAME, (answer, by_offsets))


def without_channels(conv, extra):
    wide = widened(conv, extra)
    wide.in_channels -= extra
    return wide


def without_bias(conv, extra):
    wide = widened(conv, extra)
    wide.bias = None
    return wide


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda conv, extra: conv, "The old layer has changed"),
        (lambda conv, extra: nn.Identity(), "Return a Conv2d, not a Identity"),
        (lambda conv, extra: widened(conv, extra + 1), "Yours turns 3 channels into 4; 2 into 4"),
        (without_channels, "Yours turns 1 channels into 4"),
        (without_bias, "in bias"),
        (lambda conv, extra: conv.no_such_thing, "AttributeError"),
        (widened(nn.Conv2d(1, 1, 1), 1), "without calling it"),
    ],
    ids=["the same", "no layer", "too many", "attribute", "no bias", "raises", "called"],
)
def test_other_layers(answer, hint):
    if isinstance(answer, nn.Module):
        answer = 3
    found = check(NAME, (answer, _by_hand)).hint
    assert found.startswith("`widened`: ")
    assert hint in found


def test_a_gradient_that_is_merely_wrong_is_told_where():
    assert "yours gives" in check(NAME, (widened, lambda masks, delta: 2 * _by_hand(masks, delta))).hint


def test_nothing_is_no_answer():
    for answer in ((lambda conv, extra: None, _by_hand), (widened, lambda masks, delta: None)):
        assert check(NAME, answer).hint.startswith("Write the output as a sum")
