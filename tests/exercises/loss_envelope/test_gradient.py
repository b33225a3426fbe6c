"""The oracle of the smooth top-k gradient, against the library and finite differences."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.exercises import check
from segkit.exercises.loss_envelope.gradient import _differences, _gradient, _level, _mean
from segkit.loss_envelope import smooth_top_k_mean

NAME = "loss_envelope.smooth_top_k_gradient"
ROWS = st.lists(st.floats(-3, 3), min_size=2, max_size=8)


@given(ROWS, st.integers(1, 7), st.floats(0.1, 3.0))
def test_the_oracle_is_the_librarys_gradient(row, k, temperature):
    k = min(k, len(row) - 1)
    leaf = torch.tensor(row, dtype=torch.float64, requires_grad=True)
    value = smooth_top_k_mean(leaf, k, temperature=temperature)
    (library,) = torch.autograd.grad(value, leaf)
    plain = leaf.detach()
    level = _level(plain, k, temperature)
    assert math.isclose(_mean(plain, k, temperature), value.item(), rel_tol=1e-9, abs_tol=1e-9)
    torch.testing.assert_close(_gradient(plain, k, temperature, level), library, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(_differences(plain, k, temperature, level), library, rtol=1e-4, atol=1e-6)


def test_an_answer_in_numpy():
    def answer(values, k, temperature, level):
        return 1 / (k * (1 + np.exp((level - values.numpy()) / temperature)))

    assert check(NAME, answer)


def test_an_unknown_error_is_measured_against_finite_differences():
    hint = check(NAME, lambda values, k, temperature, level: torch.full_like(values, 1 / len(values))).hint
    assert "yours gives 0.1667" in hint


def test_the_level_is_not_to_be_found_again():
    """A function that knows nothing of λ* is right only by solving for it, which is allowed."""
    assert check(NAME, lambda values, k, t, level: _gradient(values, k, t, _level(values, k, t)))
