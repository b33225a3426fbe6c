from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined.refiner import Refiner


@pytest.mark.parametrize(("dims", "size"), [(2, (9, 8)), (3, (5, 6, 7))])
def test_it_corrects_nothing_at_first_and_learns_to(dims, size):
    refiner = Refiner(dims, 5, 3, width=4, norm="instance")
    x = torch.randn(2, 5, *size)
    assert refiner(x).shape == (2, 3, *size)
    assert refiner(x).abs().max() == 0
    refiner(x).sum().backward()
    assert refiner.last.get_parameter("conv.weight").grad.abs().max() > 0


def test_it_sees_fifteen_pixels():
    refiner = Refiner(2, 1, 1, width=4)
    torch.nn.init.normal_(refiner.last.get_parameter("conv.weight"))
    for block in refiner.blocks:
        block[1] = torch.nn.Identity()  # group norm looks at the whole image
    x = torch.zeros(1, 1, 31, 31, requires_grad=True)
    refiner(x + torch.randn(1, 1, 31, 31))[0, 0, 15, 15].backward()
    seen = (x.grad[0, 0] != 0).nonzero()
    assert seen.amin(0).tolist() == [8, 8]
    assert seen.amax(0).tolist() == [22, 22]
