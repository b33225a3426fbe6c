from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from segkit.coarse_refined import Ranking, lists, rank_lists
from segkit.errors import ConfigError, DataError
from tests.coarse_refined import oracles


def rows(*shape, seed=0, dtype=torch.float64):
    z = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return F.normalize(z, dim=-1)


@pytest.mark.parametrize("ranking", [Ranking(), Ranking(1.0, 0.2, 3.0, 0.0, 0.3)])
def test_every_anchor_equals_a_loop(ranking):
    x, n = rows(2, 5, 3), rows(2, 7, 3, seed=1)
    found = rank_lists(x, None, n, ranking=ranking)
    for r in range(2):
        for i in range(5):
            own = x[r].tolist()
            positives = own[:i] + own[i + 1 :]
            wanted = oracles.anchor_value(own[i], positives, n[r].tolist(), **vars(ranking))
            assert found.values[r, i].item() == pytest.approx(wanted)
            near = sum(oracles.distance(own[i], p) > ranking.alpha - ranking.margin for p in positives)
            assert found.active_positives[r, i] == near


@pytest.mark.parametrize("block", [1, 7, 40])
def test_blocks_change_nothing(monkeypatch, block):
    def value_and_gradients():
        x, p, n = (rows(3, m, 4, seed=m).requires_grad_() for m in (6, 5, 8))
        values = rank_lists(x, p, n, ranking=Ranking(t_pos=2.0)).values
        return values, torch.autograd.grad(values.sum(), (x, p, n))

    whole, gradients = value_and_gradients()
    monkeypatch.setattr(lists, "BLOCK", block)
    parts, part_gradients = value_and_gradients()
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(part_gradients, gradients)


def test_gradient_is_that_of_the_value_where_weights_are_constant():
    x, p, n = (rows(2, m, 3, seed=m).requires_grad_() for m in (4, 3, 5))
    ranking = Ranking(t_pos=0.0, t_neg=0.0)
    torch.autograd.gradcheck(lambda *z: rank_lists(*z, ranking=ranking).values, (x, p, n))


def test_masked_rows_might_as_well_not_be_there():
    x, p, n = rows(2, 4, 3), rows(2, 5, 3, seed=1), rows(2, 6, 3, seed=2)
    kept_p, kept_n = torch.arange(5) != 2, torch.arange(6) % 2 == 0
    masked = rank_lists(
        x, p, n, ranking=Ranking(), valid_positives=kept_p.expand(2, 5), valid_negatives=kept_n.expand(2, 6)
    )
    alone = rank_lists(x, p[:, kept_p], n[:, kept_n], ranking=Ranking())
    for a, b in zip(masked, alone, strict=True):
        torch.testing.assert_close(a, b)


def test_masked_rows_get_no_gradient():
    x, n = rows(1, 4, 3), rows(1, 6, 3, seed=2).requires_grad_()
    valid = torch.arange(6)[None] < 3
    rank_lists(x, None, n, ranking=Ranking(), valid_negatives=valid).values.sum().backward()
    assert n.grad[0, 3:].abs().max() == 0
    assert n.grad[0, :3].abs().max() > 0


def test_empty_lists_are_zero_and_connected():
    x = rows(2, 1, 3).requires_grad_()
    values = rank_lists(x, None, rows(2, 0, 3), ranking=Ranking()).values
    (gradient,) = torch.autograd.grad(values.sum(), x)
    assert values.abs().max() == 0
    assert gradient.abs().max() == 0


def test_coinciding_negatives_have_a_bounded_slope():
    x = rows(1, 8, 16, dtype=torch.float32)
    n = (x + 1e-5 * torch.randn(x.shape)).requires_grad_()
    rank_lists(x, None, n, ranking=Ranking()).values.sum().backward()
    assert n.grad.isfinite().all()
    assert n.grad.norm(dim=-1).max() <= 1.0


def test_computes_in_float32_under_autocast_and_keeps_dtype():
    x, n = rows(1, 6, 4, dtype=torch.float32), rows(1, 5, 4, seed=1, dtype=torch.float32)
    exact = rank_lists(x, None, n, ranking=Ranking()).values
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(rank_lists(x, None, n, ranking=Ranking()).values, exact)
    assert rank_lists(x.bfloat16(), None, n.bfloat16(), ranking=Ranking()).values.dtype == torch.bfloat16


@pytest.mark.parametrize("options", [{"margin": 1.2}, {"margin": -0.1}, {"t_neg": -1.0}, {"beta": 1.1}])
def test_options_out_of_range(options):
    with pytest.raises(ConfigError, match="out of range"):
        Ranking(**options)


def test_rows_that_do_not_fit():
    with pytest.raises(DataError, match="negatives of shape"):
        rank_lists(rows(1, 4, 3), None, rows(1, 4, 2), ranking=Ranking())


def test_an_anchor_is_never_its_own_positive():
    x = rows(1, 64, 32, dtype=torch.float32)
    tight = Ranking(1.0, 1.0 - 1e-6)  # anything but a distance of exactly 0 violates
    found = rank_lists(x, None, rows(1, 2, 32, seed=1, dtype=torch.float32), ranking=tight)
    assert (found.active_positives == 63).all()
