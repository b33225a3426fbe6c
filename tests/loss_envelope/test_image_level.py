"""The selection of images, in one process."""

from __future__ import annotations

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.loss_envelope.image_level import TopImages

ALL = torch.ones(4, dtype=torch.bool)
LOSSES = torch.tensor([0.2, 0.9, 0.4, 0.5], dtype=torch.float64)


@pytest.mark.parametrize(
    ("top_k", "k"), [(1, 1), (3, 3), (0.25, 1), (0.26, 2), (0.5, 2), (0.01, 1), (1.0, 4), (4, 4)]
)
def test_a_share_rounds_up_and_keeps_at_least_one(top_k, k):
    assert TopImages(top_k).count(4, 4) == k
    expected = LOSSES.sort(descending=True).values[:k].mean()
    torch.testing.assert_close(TopImages(top_k, 0.0)(LOSSES, ALL), expected)


def test_images_without_a_valid_voxel_are_not_counted():
    present = torch.tensor([True, False, True, True])
    assert TopImages(0.5).count(4, 3) == 2
    torch.testing.assert_close(TopImages(0.5, 0.0)(LOSSES, present), torch.tensor(0.45).double())
    assert TopImages(4, 0.0)(LOSSES, present) == pytest.approx((0.2 + 0.4 + 0.5) / 3)
    weights = TopImages(0.5, 0.3).weights(LOSSES, present)
    assert weights[1] == 0 and weights.sum().item() == pytest.approx(1)


def test_no_image_at_all_is_a_connected_zero():
    losses = LOSSES.clone().requires_grad_()
    value = TopImages(0.5)(losses, torch.zeros(4, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(value, losses)
    assert value == 0 and gradient.abs().max() == 0


@pytest.mark.parametrize("temperature", [0.0, 0.05, "mad"])
def test_weights_are_the_gradient_and_sum_to_one(temperature):
    losses = LOSSES.clone().requires_grad_()
    images = TopImages(0.5, temperature)
    weights = images.weights(losses, ALL)
    torch.testing.assert_close(weights, torch.autograd.grad(images(losses, ALL), losses)[0])
    assert weights.sum().item() == pytest.approx(1)
    assert weights.argsort().tolist() == LOSSES.argsort().tolist() or temperature == 0.0


def test_the_gradient_jumps_at_a_rank_swap_only_when_hard():
    def jump(temperature):
        """How far the weights move, in ℓ1, while the loss of one image moves by 0.002."""
        images = TopImages(1, temperature)
        low, high = (
            images.weights(torch.tensor([0.5, 1.0, 1.0 + gap, 0.2]).double(), ALL) for gap in (-0.001, 0.001)
        )
        return (high - low).abs().sum().item()

    assert jump(0.0) == pytest.approx(2)
    assert jump(0.02) == pytest.approx(0.025, rel=0.01)
    assert jump(0.1) == pytest.approx(0.005, rel=0.05)
    assert jump("mad") < 0.02


def test_the_automatic_temperature_follows_the_spread():
    # deviations from the median 0.45: 0.25, 0.45, 0.05, 0.05; their median 0.15, a quarter of it 0.0375
    automatic, by_hand = TopImages(1, "mad"), TopImages(1, 0.0375)
    torch.testing.assert_close(automatic(LOSSES, ALL), by_hand(LOSSES, ALL))
    torch.testing.assert_close(TopImages(1, "mad")(10 * LOSSES, ALL), 10 * automatic(LOSSES, ALL))
    same = TopImages(1, "mad").weights(torch.ones(4).double(), ALL)  # no spread: the floor of 0.001
    torch.testing.assert_close(same, torch.full((4,), 0.25).double())


def test_a_loss_that_is_not_finite_is_named():
    for bad in (float("nan"), float("inf")):
        losses = torch.tensor([0.2, 0.3, bad, bad])
        with pytest.raises(DataError, match="loss of image 2 of 4 in the batch is not a finite number"):
            TopImages(0.5)(losses, ALL)
        assert TopImages(0.5)(losses, torch.tensor([True, True, False, False])).isfinite()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"top_k": 0}, "at least 1 image, not 0"),
        ({"top_k": -2}, "at least 1 image"),
        ({"top_k": 0.0}, r"must lie in \(0, 1\], not 0.0"),
        ({"top_k": 1.5}, r"must lie in \(0, 1\]"),
        ({"top_k": float("nan")}, r"must lie in \(0, 1\]"),
        ({"top_k": 1, "temperature": -0.1}, "temperature must be 'mad' or a finite number of 0 or more"),
        ({"top_k": 1, "temperature": "mda"}, "temperature must be 'mad'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        TopImages(**options)


def test_more_images_than_there_are():
    with pytest.raises(ConfigError, match="top_k=5 of a batch of 4 images"):
        TopImages(5)(LOSSES, ALL)
