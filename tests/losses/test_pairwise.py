"""Distances and cosines of all pairs of rows: against loops, at the edges, in half precision."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.errors import DataError
from segkit.losses import cosine_similarities, squared_distances


def table(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
def test_both_are_those_of_a_loop(n, m, c, seed):
    x, y = table(n, c, seed=seed), table(m, c, seed=seed + 1)
    distances, cosines = squared_distances(x, y), cosine_similarities(x, y)
    for i in range(n):
        for j in range(m):
            assert float(distances[i, j]) == pytest.approx(float((x[i] - y[j]).square().sum()))
            wanted = x[i] @ y[j] / (x[i].norm() * y[j].norm())
            assert float(cosines[i, j]) == pytest.approx(float(wanted), abs=1e-9)


@pytest.mark.parametrize("function", [squared_distances, cosine_similarities])
def test_gradients_are_those_of_the_values(function):
    x, y = table(2, 4, 3).requires_grad_(), table(2, 5, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(function, (x,))
    assert torch.autograd.gradcheck(function, (x, y))


def test_of_rows_with_themselves_the_diagonal_is_zero_and_the_matrix_symmetric():
    x = table(50, 8, dtype=torch.float32) + 1000
    found = squared_distances(x)
    assert bool((found.diagonal() == 0).all()) and bool((found >= 0).all())
    torch.testing.assert_close(found, found.T)
    exact = squared_distances(x.double()).float()
    torch.testing.assert_close(found, exact, rtol=1e-5, atol=1e-5)  # the shift by 1000 costs no digits


def test_rounding_makes_no_distance_negative():
    x = table(50, 8, dtype=torch.float32)
    assert bool((squared_distances(x, x.clone()) >= 0).all())


def test_rows_that_coincide_have_distance_and_gradient_zero():
    x = torch.ones(3, 4, requires_grad=True)
    found = squared_distances(x)
    found.sum().backward()
    assert bool((found == 0).all()) and bool((x.grad == 0).all())


def test_distance_on_the_sphere_is_two_minus_two_cosines():
    z = torch.nn.functional.normalize(table(9, 4), dim=1)
    torch.testing.assert_close(squared_distances(z), 2 - 2 * cosine_similarities(z))


def test_a_row_of_zeros_is_like_nothing():
    x = torch.zeros(2, 3, requires_grad=True)
    found = cosine_similarities(x)
    found.sum().backward()
    assert bool((found == 0).all()) and bool(x.grad.isfinite().all())


@pytest.mark.parametrize("function", [squared_distances, cosine_similarities])
def test_half_precision_stays_outside(function):
    x = table(40, 16, dtype=torch.float32).requires_grad_()
    exact = function(x.detach())
    with torch.autocast("cpu", torch.bfloat16):
        found = function(x)
        found.sum().backward()
    assert found.dtype == x.grad.dtype == torch.float32
    assert torch.equal(found, exact)
    assert function(x.bfloat16()).dtype == torch.float32


def test_no_rows_give_an_empty_matrix():
    assert squared_distances(torch.zeros(0, 3)).shape == (0, 0)
    assert squared_distances(torch.zeros(0, 3), torch.zeros(2, 3)).shape == (0, 2)


@pytest.mark.parametrize("function", [squared_distances, cosine_similarities])
@pytest.mark.parametrize(
    ("rows", "others"),
    [
        (torch.zeros(3), None),
        (torch.zeros(3, 2), torch.zeros(3, 4)),
        (torch.zeros(2, 3, 2), torch.zeros(3, 2)),
        (torch.zeros(3, 2, dtype=torch.int64), None),
    ],
)
def test_wrong_tables_are_refused(function, rows, others):
    with pytest.raises(DataError, match="rows must be floating point"):
        function(rows, others)
