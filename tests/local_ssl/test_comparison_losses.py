"""The losses that need more than two tables: SimCLR, DenseCL, PixPro. Values on paper and loops."""

from __future__ import annotations

import math

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.local_ssl import (
    Cells,
    Placement,
    dense_contrast,
    local_consistency,
    local_info_nce,
    near_pairs,
    nt_xent,
    own_points,
    pixel_consistency,
    propagate,
    vicreg_terms,
)
from segkit.losses import reduce
from tests.local_ssl import oracles


def rows(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_consistency_on_paper():
    p = torch.tensor([[[1.0, 0], [1, 0], [1, 0], [0, 0]]])
    z = torch.tensor([[[5.0, 0], [0, 1], [-2, 0], [1, 0]]])
    assert local_consistency(p, z).tolist() == [[0, 2, 4, 2]]
    assert local_consistency(p[:, :2], z[:, :2], norm="map").item() == pytest.approx(2 - 10 / math.sqrt(52))


def test_a_map_weighs_points_by_their_norms():
    p = torch.tensor([[[9.0, 0], [1, 0]]])
    z = torch.tensor([[[9.0, 0], [0, 1]]])
    assert local_consistency(p, z, norm="map") < 0.1 < reduce(local_consistency(p, z))
    with pytest.raises(ConfigError, match="unknown norm 'maps': did you mean 'map'"):
        local_consistency(p, z, norm="maps")


def test_info_nce_on_paper():
    alike = torch.ones(2, 7, 3)
    torch.testing.assert_close(local_info_nce(alike, alike), torch.full((2, 7), math.log(7)))
    torch.testing.assert_close(local_info_nce(alike, alike, pooled=True), torch.full((2, 7), math.log(14)))
    apart = torch.eye(4)[None]
    assert local_info_nce(apart, apart, temperature=0.05).max() < 1e-6
    assert local_info_nce(apart[:, :1], apart[:, :1]).item() == 0


def test_simclr_is_its_loop():
    first, second = rows(2, 4, 3).requires_grad_()
    found = nt_xent(first, second, temperature=0.5)
    assert float(found.mean().detach()) == pytest.approx(oracles.simclr(first, second, temperature=0.5))
    torch.testing.assert_close(nt_xent(torch.ones(3, 2), torch.ones(3, 2)), torch.full((6,), math.log(5)))
    one = rows(2, 1, 3).requires_grad_()
    value = nt_xent(one[0], one[1]).sum()
    (gradient,) = torch.autograd.grad(value, one)
    assert value.abs() < 1e-12 and gradient.abs().max() < 1e-12
    assert torch.autograd.gradcheck(lambda x: nt_xent(x[0], x[1]), rows(2, 3, 2).requires_grad_())
    with pytest.raises(DataError, match=r"\(B, C\) twice"):
        nt_xent(first, second[:2])


def test_densecl_is_its_loop():
    p, z, f, g = rows(2, 3, 4, 3), rows(3, 4, 3, seed=1), rows(3, 4, 2, seed=2), rows(3, 4, 2, seed=3)
    p = p[0].requires_grad_()
    found = dense_contrast(p, z, f, g)
    assert float(found.mean().detach()) == pytest.approx(oracles.densecl(p, z, f, g))
    assert torch.autograd.gradcheck(lambda x: dense_contrast(x, z, f, g), p)
    keys = z.clone().requires_grad_()
    assert torch.autograd.grad(dense_contrast(p, keys, f, g).sum(), [p, keys], allow_unused=True)[1] is None


def test_densecl_matches_by_features_and_not_by_place():
    cells = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    cells[1] *= -1
    shuffled = cells[:, [2, 0, 3, 1]]
    assert dense_contrast(cells, shuffled, cells, shuffled).max() < 0.005
    assert dense_contrast(cells, shuffled, cells, cells).min() > 0.05  # matched wrongly
    with pytest.raises(DataError, match="two samples or more"):
        dense_contrast(cells[:1], cells[:1], cells[:1], cells[:1])


def test_propagation_is_its_loop():
    x, g = rows(2, 5, 3), rows(2, 5, 4, seed=1)[..., :3]
    for sharpness in (1.0, 2.0):
        wanted = torch.tensor(oracles.propagated(x, g, sharpness=sharpness), dtype=torch.float64)
        torch.testing.assert_close(propagate(x, g, sharpness=sharpness), wanted)
    with pytest.raises(ConfigError, match="sharpness"):
        propagate(x, g, sharpness=0)


def test_pixel_consistency_is_its_loop():
    y, x = rows(2, 5, 3).requires_grad_(), rows(2, 4, 3, seed=1)
    near = torch.rand(2, 5, 4, generator=torch.Generator().manual_seed(0)) < 0.4
    near[0, 0] = False
    found = pixel_consistency(y, x, near)
    assert float(reduce(found, near.any(2)).detach()) == pytest.approx(oracles.pixpro(y, x, near))
    assert found[0, 0] == 0
    assert torch.autograd.gradcheck(lambda v: pixel_consistency(v, x, near), y)
    with pytest.raises(DataError, match=r"bool \(B, Q, R\)"):
        pixel_consistency(y, x, near.mT)


def test_near_cells_are_those_within_the_distance():
    place = Placement.of(low=(0, 0), size=(8, 8), shape=(8, 8), extent=(20, 20))
    shifted = Placement.of(low=(0, 2), size=(8, 8), shape=(8, 8), extent=(20, 20), flips=(False, True))
    cells = Cells.even((4, 4))
    points = [own_points(each, (2, 2)).where for each in (place, shifted)]
    near = near_pairs(place, shifted, (points[0], points[1]), cells, within=0.4)  # 0.4 · 4√2 = 2.26 voxels
    # Cells of the first at columns 2 and 6, of the mirrored second at 8 and 4.
    assert near[0].tolist() == [
        [False, True, False, False],
        [True, True, False, False],
        [False, False, False, True],
        [False, False, True, True],
    ]


def test_the_larger_cell_is_the_unit_of_nearness():
    small = Placement.of(low=(0, 0), size=(4, 4), shape=(8, 8), extent=(20, 20))
    large = Placement.of(low=(0, 0), size=(8, 8), shape=(8, 8), extent=(20, 20))
    apart = torch.tensor([[[2.0, 2.0]]]), torch.tensor([[[2.0, 5.0]]])  # 3 of 4√2 = 5.66, and of 2√2 = 2.83
    for first, second in ((small, large), (large, small)):
        assert near_pairs(first, second, apart, Cells.even((4, 4)), within=0.7).all()
    assert not near_pairs(small, small, apart, Cells.even((4, 4)), within=0.7).any()


def test_the_terms_of_vicreg_are_their_loops():
    first, second = rows(2, 2, 5, 3)
    valid = torch.tensor([[True, True, False, True, True], [True, False, True, True, True]])
    found = [float(each) for each in vicreg_terms(first, second, valid=valid).values()]
    assert found == pytest.approx(oracles.vicreg(first, second, valid))


@pytest.mark.parametrize("loss", [local_info_nce, dense_contrast, nt_xent])
def test_a_temperature_must_be_positive(loss):
    tables = [torch.ones(2, 3, 2)] * (4 if loss is dense_contrast else 2)
    with pytest.raises(ConfigError, match="must be positive, got 0"):
        loss(*tables, temperature=0)
