"""The collapse point: what is predicted there, measured; and the gradient of a negative pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.exercises import check
from segkit.exercises.voxel_metric.collapse import RIGHT, _by_machine, _gradient, _inputs
from segkit.voxel_metric import triplet_pair

NAME = "voxel_metric.collapse"


@pytest.mark.parametrize("case", _inputs())
def test_the_oracle_is_the_derivative(case):
    torch.testing.assert_close(_gradient(*case), _by_machine(*case))


def test_some_pairs_are_near_some_beyond_the_margin_and_none_within_the_floor():
    for z_i, z_j, margin in _inputs():
        distance = (z_i - z_j).norm(dim=1)
        assert distance.min() > 5e-3
        assert (distance < 0.1).sum() >= 2
        assert (distance > margin).sum() >= 2
        assert distance.max() == pytest.approx(2)


@pytest.mark.parametrize(("name", "spread"), [(name, spread) for name in RIGHT for spread in (0.0, 1e-3)])
def test_the_prediction_is_what_happens(name, spread):
    """By finite differences in space, with the point approached from beside it."""
    a, p, n = torch.tensor([[1.0, 0, 0], [1, spread, 0], [1, 0, spread]], dtype=torch.float64)
    a.requires_grad_()
    if name == "triplet":
        value = ((a - p).square().sum() - (a - n).square().sum() + 0.2).relu()
    else:
        value = (1 - (a - n).square().sum().clamp(min=1e-12).sqrt()).relu().square() / 2
    (slope,) = torch.autograd.grad(value, a)
    wanted, at, beside = RIGHT[name]
    assert value.item() == pytest.approx(wanted, abs=2e-3)
    assert float(slope.norm()) == pytest.approx(beside if spread else at, abs=4e-3)


def test_the_library_agrees_at_the_point():
    u = torch.ones(6, 4, dtype=torch.float64, requires_grad=True)
    terms = triplet_pair(u, torch.arange(6) % 2)
    assert terms.triplet.item() == pytest.approx(RIGHT["triplet"][0])
    assert terms.pair.item() == pytest.approx(RIGHT["negative pair"][0] / 2, abs=1e-3)  # of half the weight
    for term in terms[:2]:
        (slope,) = torch.autograd.grad(term, u, retain_graph=True)
        assert float(slope.norm()) < 1e-12


@pytest.mark.parametrize("eps", [1e-6, 1e-8])
def test_a_floor_that_is_added_is_an_answer(eps):
    def answer(z_i, z_j, margin):
        apart = z_i.numpy() - z_j.numpy()
        d = np.linalg.norm(apart, axis=1, keepdims=True)
        return -np.clip(margin - d, 0, None) * apart / (d + eps)

    assert check(NAME, ({name: list(values) for name, values in RIGHT.items()}, answer))


def test_a_direction_that_is_replaced_is_an_answer():
    def answer(z_i, z_j, margin):
        apart = z_i - z_j
        d = apart.norm(dim=1, keepdim=True)
        return torch.where(d > 0, (margin - d).relu() * -apart / d, 0)

    assert check(NAME, (RIGHT, answer))


def but(**terms):
    return {**RIGHT, **{name.replace("_", " "): values for name, values in terms.items()}}


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (_gradient, "Pass a pair"),
        ((0.2, _gradient), "a dictionary with the keys"),
        ((but(triplet=0.2), _gradient), "give three numbers"),
        ((but(triplet=(0.2, 0)), _gradient), "give three numbers: the value, the gradient at the point"),
        ((but(triplet=(0.2, 0, 2)), _gradient), "The gradient beside it of the triplet is not 2"),
        ((but(triplet=("m", 0, 0)), _gradient), "Numbers are expected"),
        ((but(triplet=([0.2, 0.2], 0, 0)), _gradient), "give three numbers"),
        ((RIGHT, lambda z_i, z_j, m: z_i), "yours gives"),
        ((RIGHT, lambda z_i, z_j, m: z_i[0]), "shape (4,) where"),
        ((RIGHT, lambda z_i, z_j, m: _gradient(z_i, z_j, m) + 1.0 * (z_i == z_j)), "coincide 0 is expected"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize(
    "answer",
    [(..., _gradient), (but(triplet=...), _gradient), (but(triplet=(0.2, ..., 0)), _gradient),
     (RIGHT, lambda z_i, z_j, m: None)],
)  # fmt: skip
def test_half_an_answer_is_none(answer):
    assert check(NAME, answer).hint.startswith("Put D = 0 into both terms")
