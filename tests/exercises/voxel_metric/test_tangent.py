"""The oracle of the triplet's gradient: finite differences, the library, and what geometry asks for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.exercises import check
from segkit.exercises.voxel_metric.tangent import _by_machine, _gradient, _hinge, _inputs
from segkit.voxel_metric import triplet_pair

NAME = "voxel_metric.tangent_gradient"


@pytest.mark.parametrize("case", _inputs())
def test_the_oracle_by_finite_differences_and_by_formula(case):
    u, margin = case
    slopes = torch.zeros_like(u)
    for i in range(u.numel()):
        step = torch.zeros_like(u)
        step.view(-1)[i] = 1e-6
        slopes.view(-1)[i] = (_hinge(u + step, margin) - _hinge(u - step, margin)) / 2e-6
    torch.testing.assert_close(_by_machine(u, margin), slopes, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(_by_machine(u, margin), _gradient(u, margin))


@pytest.mark.parametrize("case", _inputs())
def test_the_oracle_is_tangent_and_halves_with_twice_the_length(case):
    u, margin = case
    gradient = _by_machine(u, margin)
    torch.testing.assert_close((u * gradient).sum(1), torch.zeros(3, dtype=u.dtype), rtol=0, atol=1e-12)
    torch.testing.assert_close(_by_machine(2 * u, margin), gradient / 2)


def test_some_hinges_are_active_one_is_not_and_one_is_collapsed():
    values = [float(_hinge(*case)) for case in _inputs()]
    assert all(value > 0 for value in values[:3])
    assert values[3] == 0
    assert values[4] == pytest.approx(0.2)


def test_the_library_takes_both_voxels_of_the_pair_as_anchors():
    u, _ = _inputs()[0]
    leaf = u.clone().requires_grad_()
    triplet_pair(leaf, torch.tensor([0, 0, 1]), margin=4.0, mining="batch-all").triplet.backward()
    turned = [1, 0, 2]
    torch.testing.assert_close(leaf.grad, (_gradient(u, 4.0) + _gradient(u[turned], 4.0)[turned]) / 2)


def test_an_answer_in_numpy_with_outer_products():
    def answer(u, margin):
        u = u.numpy()
        length = np.linalg.norm(u, axis=1)
        a, p, n = z = u / length[:, None]
        if ((a - p) ** 2).sum() - ((a - n) ** 2).sum() + margin < 0:
            return 0 * u
        slopes = 2 * (n - p), 2 * (p - a), 2 * (a - n)
        rows = [(np.eye(len(s)) - np.outer(e, e)) @ s / r for e, s, r in zip(z, slopes, length, strict=True)]
        return np.array(rows)

    assert check(NAME, answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda u, margin: u, "not tangent to the sphere"),
        (lambda u, margin: _gradient(u, margin) * u.norm(), "does not halve"),
        (lambda u, margin: 3 * _gradient(u, margin), "yours gives"),
        (lambda u, margin: _gradient(u, margin)[0], "an array of shape (3,) where (3, 3)"),
        (lambda u, margin: torch.func.grad(_hinge)(u, margin), "differentiates automatically"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint
