"""Answers to the trimmed mean that need not look like ours, and its oracle against the library."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.exercises import check
from segkit.exercises.loss_envelope.trimming import _inputs, _trimmed_mean, _with_gradient
from segkit.loss_envelope import bottom_mean

NAME = "loss_envelope.trimmed_mean"


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75]))
def test_the_oracle_is_the_librarys_mean(row, sigma):
    losses = torch.tensor([*row, 2.0], dtype=torch.float64)
    valid = torch.arange(len(losses)) < len(row)
    m = len(row) - math.floor(sigma * len(row))

    def library(losses, valid, sigma):
        return bottom_mean(losses, m, valid=valid)

    given_, right = (_with_gradient(each)(losses, valid, sigma) for each in (_trimmed_mean, library))
    torch.testing.assert_close(given_, right)


def test_the_inputs_have_ties_at_the_threshold_and_one_has_none_to_drop():
    drops = []
    for losses, valid, sigma in _inputs():
        rest = losses[valid].sort().values
        m = len(rest) - math.floor(sigma * len(rest))
        drops.append(len(rest) - m)
        assert m == len(rest) or rest[m - 1] == rest[m]
    assert drops[0] > 0
    assert drops[-1] == 0


def test_an_answer_with_weights_of_each_voxel():
    def answer(losses, valid, sigma):
        clean = torch.where(valid, losses, 0.0)
        values = clean.detach()[valid].tolist()
        m = len(values) - int(sigma * len(values))
        threshold = sorted(values)[m - 1]
        below = sum(value < threshold for value in values)
        share = (m - below) / values.count(threshold)
        weights = torch.tensor([1.0 if v < threshold else share if v == threshold else 0.0 for v in clean])
        return (weights * valid / m * clean).sum()

    assert check(NAME, answer)


def ones(losses):
    return losses.sum() * torch.ones(2)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda losses, valid, sigma: 1.0, "No gradient flows back"),
        (lambda losses, valid, sigma: "mean", "Numbers are expected"),
        (lambda losses, valid, sigma: ones(losses), r"yours has the shape (2,)"),
        (lambda losses, valid, sigma: losses.median(), "yours gives"),
        (lambda losses, valid, sigma: losses[: 12 - 1 // (len(losses) - 17)].mean(), "ZeroDivisionError"),
    ],
    ids=["number", "text", "two", "median", "raises on the second input"],
)
def test_what_is_no_trimmed_mean(answer, hint):
    assert hint in check(NAME, answer).hint


def test_an_answer_that_puts_infinity_under_the_mask():
    def answer(losses, valid, sigma):
        order = losses.detach().masked_fill(~valid, torch.inf)
        n = int(valid.sum())
        m = n - math.floor(sigma * n)
        threshold = order.sort().values[m - 1]
        weights = (order < threshold) + (order == threshold) * (m - (order < threshold).sum()) / (
            order == threshold
        ).sum()
        return torch.where(weights > 0, losses * weights, 0).sum() / m

    assert check(NAME, answer)
