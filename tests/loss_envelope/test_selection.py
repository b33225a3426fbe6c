"""The two ways to select, by group and at once, against each other and against loops."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.loss_envelope import bottom_mean, selection, smooth_bottom_mean
from segkit.loss_envelope.groups import group_sizes
from segkit.loss_envelope.rules import Share, kept_counts
from segkit.loss_envelope.selection import _keep_by_group, select
from segkit.loss_envelope.selection_at_once import keep_at_once


def batch(seed, *, n=40, groups=3, ties=False, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(3, n, generator=generator, dtype=dtype)
    member = torch.randint(-1, groups, (3, n), generator=generator).to(torch.int8)
    return (values * 4).round() if ties else values, member


def plan(values, member, share, groups=3):
    sizes = group_sizes(member, groups)
    return sizes, kept_counts(Share(share), sizes, values, member)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("temperature", [0.0, 0.05, 3.0])
@given(seed=st.integers(0, 10_000), share=st.floats(0, 0.99), n=st.integers(1, 40))
@settings(deadline=None, max_examples=25)
def test_at_once_equals_group_by_group(seed, share, n, temperature, ties):
    values, member = batch(seed, n=n, ties=ties)
    sizes, kept = plan(values, member, share)
    one = _keep_by_group(values, member, sizes, kept, temperature=temperature)
    other = keep_at_once(values, member, sizes, kept, temperature=temperature)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("temperature", [0.0, 0.2])
def test_each_group_has_the_mean_of_its_row(temperature):
    values, member = batch(1)
    sizes, kept = plan(values, member, 0.3)
    chosen = select(values, member, sizes, kept, valid=None, temperature=temperature)
    for b in range(3):
        mean = smooth_bottom_mean if temperature else bottom_mean
        options = {"temperature": temperature} if temperature else {}
        free = values[b][member[b] == -1]
        total = free.sum()
        for g in range(3):
            m = int(kept[b, g])
            total = total + m * mean(values[b][member[b] == g], m, **options)
        assert chosen.kept[b] == len(free) + kept[b].sum()
        torch.testing.assert_close(chosen.value[b], total / chosen.kept[b])
        assert float(chosen.keep[b].sum()) == pytest.approx(float(chosen.kept[b]))


@pytest.mark.parametrize("temperature", [0.0, 0.1])
def test_what_is_not_valid_is_not_kept(temperature):
    values, member = batch(2)
    valid = torch.rand(3, 40, generator=torch.Generator().manual_seed(3)) > 0.3
    valid[1] = False
    values, member = values * valid, member.masked_fill(~valid, -1)
    sizes, kept = plan(values, member, 0.3)
    chosen = select(values, member, sizes, kept, valid=valid, temperature=temperature)
    assert chosen.keep[~valid].abs().max() == 0
    assert chosen.kept[1] == 0 and chosen.value[1] == 0


def test_ties_at_the_threshold_share_what_is_left():
    values = torch.tensor([[1.0, 2.0, 2.0, 2.0, 5.0]])
    member = torch.zeros(1, 5, dtype=torch.int8)
    sizes, kept = torch.tensor([[5]]), torch.tensor([[2]])
    chosen = select(values, member, sizes, kept, valid=None, temperature=0.0)
    torch.testing.assert_close(chosen.keep, torch.tensor([[1, 1 / 3, 1 / 3, 1 / 3, 0]]))
    assert chosen.value == pytest.approx(1.5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_not_trimmed_away(bad):
    values, member = batch(4)
    values[2, 5] = bad
    sizes, kept = plan(values, member, 0.3)
    chosen = select(values, member, sizes, kept, valid=None, temperature=0.0)
    assert chosen.value.isfinite().tolist() == [True, True, False]


def test_many_values_in_single_precision():
    values, member = batch(5, n=200_000, dtype=torch.float32)
    sizes, kept = plan(values, member, 0.02)
    for temperature in (0.0, 0.1, 1e-5):
        chosen = select(values, member, sizes, kept, valid=None, temperature=temperature)
        exact = select(values.double(), member, sizes, kept, valid=None, temperature=temperature)
        torch.testing.assert_close(chosen.value.double(), exact.value, rtol=1e-5, atol=0)
        share = chosen.keep.sum(1, dtype=torch.float64) / chosen.kept.double()
        torch.testing.assert_close(share, torch.ones(3, dtype=torch.float64), rtol=0, atol=2e-6)


@given(seed=st.integers(0, 10_000), share=st.floats(0.001, 0.5), order=st.sampled_from(["any", "up", "down"]))
@settings(deadline=None, max_examples=40)
def test_a_sample_that_looks_ahead_changes_nothing(seed, share, order):
    values, member = batch(seed, n=600, groups=2, ties=seed % 2 == 0)
    if order != "any":  # and periodic, so that every fourth voxel, which is the sample, misleads
        values = values.sort(1, descending=order == "down").values
        values[:, ::4] = 0.0 if seed % 3 else 9.0
    sizes, kept = plan(values, member, share, groups=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "_MANY", 16)
        patch.setattr(selection, "_STRIDE", 4)
        sampled = select(values, member, sizes, kept, valid=None, temperature=0.0)
    expected = select(values, member, sizes, kept, valid=None, temperature=0.0)
    assert all(torch.equal(a, b) for a, b in zip(sampled, expected, strict=True))
