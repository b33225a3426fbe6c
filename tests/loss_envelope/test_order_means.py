"""The order-statistic means against sorting, against their variational form, and at every edge."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.errors import ConfigError
from segkit.loss_envelope import bottom_mean, smooth_bottom_mean, smooth_top_k_mean, top_k_mean

finite = st.floats(-50, 50, width=32)


def rows(seed, *shape, ties=False):
    g = torch.Generator().manual_seed(seed)
    values = torch.randn(*shape, generator=g, dtype=torch.float64)
    return (values * 2).round() if ties else values


@given(st.lists(finite, min_size=1, max_size=30), st.data())
def test_hard_means_equal_sorting(numbers, data):
    m = data.draw(st.integers(1, len(numbers)))
    values = torch.tensor(numbers, dtype=torch.float64)
    ascending = values.sort().values
    torch.testing.assert_close(bottom_mean(values, m), ascending[:m].mean())
    torch.testing.assert_close(top_k_mean(values, m), ascending[-m:].mean())


@given(st.lists(finite, min_size=2, max_size=20), st.data(), st.sampled_from([0.01, 0.3, 5.0]))
@settings(deadline=None)
def test_smooth_weights_are_a_selection(numbers, data, temperature):
    k = data.draw(st.integers(1, len(numbers) - 1))
    values = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    value = smooth_top_k_mean(values, k, temperature=temperature)
    (weights,) = torch.autograd.grad(value, values)
    assert weights.sum().item() == pytest.approx(1, abs=1e-6)
    assert weights.min() >= 0 and weights.max() <= 1 / k + 1e-9
    hard = top_k_mean(values, k)
    bound = len(numbers) / k * temperature * math.log(2)
    assert -1e-9 <= (value - hard).item() <= bound + 1e-9


@pytest.mark.parametrize("temperature", [0.0, 0.2, 3.0])
@pytest.mark.parametrize("mean", [smooth_bottom_mean, smooth_top_k_mean])
def test_gradients_are_exact(mean, temperature):
    values = rows(0, 3, 12).requires_grad_()
    counts = torch.tensor([1, 5, 12])
    assert torch.autograd.gradcheck(lambda v: mean(v, counts, temperature=temperature), values)


def test_the_variational_form_holds():
    values = rows(1, 9)
    m, t = 4, 0.5
    levels = torch.linspace(-10, 10, 200_001, dtype=torch.float64)
    objective = levels - t / m * torch.nn.functional.softplus((levels[:, None] - values) / t).sum(-1)
    torch.testing.assert_close(
        smooth_bottom_mean(values, m, temperature=t), objective.max(), rtol=0, atol=1e-7
    )


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_what_is_not_valid_is_not_there(temperature):
    values = rows(2, 4, 11).requires_grad_()
    valid = torch.rand(4, 11, generator=torch.Generator().manual_seed(3)) > 0.4
    counts = (valid.sum(-1) // 2).clamp(min=1)
    value = smooth_bottom_mean(values, counts, temperature=temperature, valid=valid)
    for i in range(4):
        alone = smooth_bottom_mean(values[i][valid[i]], int(counts[i]), temperature=temperature)
        torch.testing.assert_close(value[i], alone)
    (gradient,) = torch.autograd.grad(value.sum(), values)
    assert gradient[~valid].abs().max() == 0
    hidden = torch.where(valid, values, torch.nan)
    again = smooth_bottom_mean(hidden, counts, temperature=temperature, valid=valid)
    torch.testing.assert_close(again, value)


def test_equal_values_share_the_weight():
    values = torch.tensor([1.0, 2.0, 2.0, 2.0, 5.0], requires_grad=True)
    (weights,) = torch.autograd.grad(bottom_mean(values, 3), values)
    torch.testing.assert_close(weights, torch.tensor([1, 2 / 3, 2 / 3, 2 / 3, 0]) / 3)
    for mean in (smooth_bottom_mean, smooth_top_k_mean):
        same = torch.full((6,), 0.7, requires_grad=True)
        (weights,) = torch.autograd.grad(mean(same, 2, temperature=0.1), same)
        torch.testing.assert_close(weights, torch.full((6,), 1 / 6))


@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_keeping_all_is_the_plain_mean_bit_for_bit(temperature):
    values = rows(4, 5, 1001).float()
    expected = torch.stack([row.mean() for row in values])
    assert torch.equal(smooth_bottom_mean(values, 1001, temperature=temperature), expected)
    assert torch.equal(smooth_top_k_mean(values, 1001, temperature=temperature), expected)


def test_cold_is_hard_and_hot_is_plain():
    values = rows(5, 40)
    torch.testing.assert_close(
        smooth_top_k_mean(values, 7, temperature=1e-6), top_k_mean(values, 7), rtol=0, atol=1e-5
    )
    values.requires_grad_()
    (weights,) = torch.autograd.grad(smooth_top_k_mean(values, 7, temperature=1e4), values)
    torch.testing.assert_close(weights, torch.full_like(weights, 1 / 40), rtol=1e-3, atol=0)


def test_smoothing_removes_the_jump_at_a_rank_swap():
    def weights(gap, temperature):
        losses = torch.tensor([0.5, 1.0, 1.0 + gap, 0.2], dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(smooth_top_k_mean(losses, 1, temperature=temperature), losses)[0]

    jump = {t: (weights(1e-3, t) - weights(-1e-3, t)).abs().sum().item() for t in (0.0, 0.02, 0.1)}
    assert jump[0.0] == pytest.approx(2)
    assert jump[0.02] < 0.06 and jump[0.1] < 0.012


def test_permuting_a_row_permutes_its_gradient():
    values, order = rows(6, 30, ties=True).requires_grad_(), torch.randperm(30)
    for t in (0.0, 0.4):
        (a,) = torch.autograd.grad(smooth_bottom_mean(values, 11, temperature=t), values)
        (b,) = torch.autograd.grad(smooth_bottom_mean(values[order], 11, temperature=t), values)
        torch.testing.assert_close(a, b)


def test_a_row_without_valid_values_is_zero_and_connected():
    values = rows(7, 2, 5).requires_grad_()
    valid = torch.tensor([[True] * 5, [False] * 5])
    value = bottom_mean(values, 3, valid=valid)
    (gradient,) = torch.autograd.grad(value.sum(), values)
    assert value[1] == 0 and gradient[1].abs().sum() == 0 and gradient[0].sum() == pytest.approx(1)


def test_large_rows_in_single_precision():
    values = rows(8, 2, 200_000).float()
    ascending = values.double().sort(-1).values
    torch.testing.assert_close(bottom_mean(values, 180_000), ascending[:, :180_000].mean(-1).float())
    loose = smooth_bottom_mean(values, 180_000, temperature=0.1)
    tight = smooth_bottom_mean(values.double(), 180_000, temperature=0.1)
    torch.testing.assert_close(loose.double(), tight, rtol=0, atol=2e-5)


def test_half_precision_comes_back_as_it_went_in():
    values = rows(9, 3, 50).bfloat16()
    assert bottom_mean(values, 40).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda v: bottom_mean(v, 0), "cannot keep 0 of the 5 valid values of row 0"),
        (lambda v: top_k_mean(v, 6), "cannot keep 6 of the 5"),
        (lambda v: smooth_top_k_mean(v, 2, temperature=-0.1), "temperature must be"),
        (lambda v: smooth_top_k_mean(v, 2, temperature=float("nan")), "temperature must be"),
        (lambda v: bottom_mean(v, 2, valid=torch.ones(4, dtype=torch.bool)), "same shape"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ConfigError, match=sentence):
        call(torch.arange(5.0))
