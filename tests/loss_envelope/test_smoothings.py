"""The alternatives to logistic selection: their weights, their limits, their gradients."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from segkit.errors import ConfigError
from segkit.loss_envelope import gated_top_k_mean, quadratic_top_k_mean, tilted_mean, top_k_mean

GATED = partial(gated_top_k_mean, k=4, temperature=0.3)
QUADRATIC = partial(quadratic_top_k_mean, k=4, strength=2.0)
TILTED = partial(tilted_mean, tilt=1.5)
ALL = pytest.mark.parametrize("mean", [GATED, QUADRATIC, TILTED], ids=["gated", "quadratic", "tilted"])
TRUE = pytest.mark.parametrize("mean", [QUADRATIC, TILTED], ids=["quadratic", "tilted"])


def rows(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def weights(mean, values):
    return torch.autograd.grad(mean(values).sum(), values)[0]


@ALL
def test_weights_sum_to_one_and_grow_with_the_value(mean):
    values = rows(3, 10)
    found = weights(mean, values)
    torch.testing.assert_close(found.sum(1), torch.ones(3, dtype=torch.float64))
    ascending = found.gather(1, values.argsort(1))
    assert (ascending.diff(dim=1) >= -1e-12).all() and found.min() >= 0


@TRUE
def test_gradients_are_exact(mean):
    assert torch.autograd.gradcheck(mean, (rows(2, 7),))


def test_the_gate_is_not_a_gradient():
    assert not torch.autograd.gradcheck(GATED, (rows(1, 7),), raise_exception=False)


def test_a_cold_gate_and_a_weak_penalty_are_hard():
    values = rows(3, 10)
    hard = top_k_mean(values, 4)
    torch.testing.assert_close(gated_top_k_mean(values, 4, temperature=1e-5), hard, rtol=0, atol=1e-6)
    torch.testing.assert_close(quadratic_top_k_mean(values, 4, strength=1e-7), hard, rtol=0, atol=1e-6)


def test_the_quadratic_form_is_a_maximum():
    values, k, strength = rows(1, 6), 2, 0.8
    best = quadratic_top_k_mean(values, k, strength=strength)
    generator = torch.Generator().manual_seed(1)
    for _ in range(200):  # random weights that are allowed reach no more
        q = torch.rand(6, generator=generator, dtype=torch.float64) ** 3
        q = q / q.sum()
        if q.max() <= 1 / k:
            other = (q * values).sum() - strength / 2 * ((q - 1 / 6) ** 2).sum()
            assert other <= best + 1e-12
    gap = top_k_mean(values, k) - best
    assert 0 <= gap <= strength / 2 * (1 / k - 1 / 6) + 1e-12


def test_a_tilt_runs_from_the_least_to_the_largest():
    values = rows(1, 9)
    assert tilted_mean(values, tilt=-400.0).item() == pytest.approx(values.min().item(), abs=0.01)
    assert tilted_mean(values, tilt=400.0).item() == pytest.approx(values.max().item(), abs=0.01)
    torch.testing.assert_close(tilted_mean(values, tilt=1e-7), values.mean(1), rtol=0, atol=1e-6)
    single = values.detach().float()
    torch.testing.assert_close(tilted_mean(single, tilt=1e-6), single.mean(1), rtol=0, atol=1e-5)


@ALL
def test_no_jump_where_two_values_swap_ranks(mean):
    def at(gap):
        values = torch.tensor([0.5, 1.0, 1.0 + gap, 0.2, 3.0, 4.0, 5.0], dtype=torch.float64)
        return weights(mean, values.requires_grad_())

    assert (at(1e-4) - at(-1e-4)).abs().sum() < 1e-3


@ALL
def test_what_is_not_valid_is_not_there(mean):
    values = rows(3, 11)
    valid = torch.rand(3, 11, generator=torch.Generator().manual_seed(4)) > 0.4
    valid[2] = False
    found = mean(torch.where(valid, values, torch.nan), valid=valid)
    for i in range(2):
        torch.testing.assert_close(found[i], mean(values[i][valid[i]]))
    (gradient,) = torch.autograd.grad(found.sum(), values)
    assert found[2] == 0 and gradient[~valid].abs().max() == 0


@ALL
def test_few_values_have_their_plain_mean(mean):
    if mean is not TILTED:
        values = rows(2, 3)
        torch.testing.assert_close(mean(values), values.mean(1))
    assert mean(rows(2, 5).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda v: gated_top_k_mean(v, 2, temperature=0.0), "temperature must be positive"),
        (lambda v: gated_top_k_mean(v, 0, temperature=1.0), "k must be at least 1"),
        (lambda v: quadratic_top_k_mean(v, 2, strength=-1.0), "strength must be positive"),
        (lambda v: tilted_mean(v, tilt=float("inf")), "tilt must be finite"),
        (lambda v: tilted_mean(v, tilt=1.0, valid=torch.ones(2, dtype=torch.bool)), "same shape"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ConfigError, match=sentence):
        call(torch.arange(5.0))
