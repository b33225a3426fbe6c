from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.errors import DataError
from segkit.losses import reduce

numbers = st.floats(-1e6, 1e6, width=32)


@given(st.lists(st.tuples(numbers, st.booleans()), min_size=1, max_size=20))
def test_mean_of_what_counts(pairs):
    values = torch.tensor([value for value, _ in pairs], dtype=torch.float64)
    valid = torch.tensor([flag for _, flag in pairs])
    kept = [value for value, flag in pairs if flag]
    wanted = sum(kept) / len(kept) if kept else 0.0
    assert reduce(values, valid).item() == pytest.approx(wanted, rel=1e-9, abs=1e-6)


def test_without_valid_all_count():
    assert reduce(torch.tensor([[1.0, 2.0], [3.0, 6.0]])).item() == 3.0


@pytest.mark.parametrize("valid", [None, torch.zeros(0, dtype=torch.bool)])
def test_no_values_are_zero(valid):
    values = torch.zeros(0, requires_grad=True)
    loss = reduce(values, valid)
    loss.backward()
    assert loss.item() == 0


def test_nothing_valid_is_zero_and_connected():
    values = torch.tensor([float("nan"), float("inf")], requires_grad=True)
    loss = reduce(values, torch.tensor([False, False]))
    loss.backward()
    assert loss.item() == 0
    assert values.grad.tolist() == [0, 0]


def test_half_precision_is_summed_in_float32():
    loss = reduce(torch.full((100_000,), 3.0, dtype=torch.float16))
    assert loss.dtype == torch.float16
    assert loss.item() == 3


@pytest.mark.parametrize(
    "valid",
    [torch.tensor([True]), torch.tensor([1, 0]), torch.tensor([[True, False]])],
    ids=["shape", "dtype", "axes"],
)
def test_wrong_valid_raises(valid):
    with pytest.raises(DataError, match="valid must be bool of shape"):
        reduce(torch.zeros(2), valid)
