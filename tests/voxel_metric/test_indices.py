"""Places found by NumPy on a CPU are those that PyTorch finds everywhere else."""

from __future__ import annotations

import pytest
import torch

from segkit.voxel_metric.indices import largest_of_rows, smallest_of_rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 7, 300])
def test_places_in_rows_are_those_of_pytorch(dtype, n):
    values = torch.randn(13, n, dtype=dtype, generator=torch.Generator().manual_seed(n))
    for some in (values, values.T.contiguous().T, values[::2]):
        assert torch.equal(largest_of_rows(some), some.argmax(1))
        assert torch.equal(smallest_of_rows(some), some.argmin(1))
    assert largest_of_rows(values).dtype == torch.int64


def test_of_several_the_first_is_taken_and_infinities_count():
    values = torch.tensor([[2.0, 5.0, 5.0, 2.0], [torch.inf, 1.0, -torch.inf, torch.inf]])
    assert largest_of_rows(values).tolist() == [1, 0]
    assert smallest_of_rows(values).tolist() == [0, 2]


@pytest.mark.parametrize("find", [largest_of_rows, smallest_of_rows])
def test_other_devices_are_asked_themselves(find):
    assert find(torch.zeros(4, 3, device="meta")).device.type == "meta"
