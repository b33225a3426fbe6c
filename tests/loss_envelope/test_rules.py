"""How many voxels each rule drops."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.errors import ConfigError
from segkit.loss_envelope import Count, EqualCounts, PerClass, Share, Spread, spreads
from segkit.loss_envelope.groups import group_sizes
from segkit.loss_envelope.rules import as_rule, kept_counts

RULES = st.one_of(
    st.builds(Share, st.floats(0, 0.999)),
    st.builds(Count, st.integers(0, 100)),
    st.builds(EqualCounts, st.floats(0, 0.999)),
    st.builds(Spread, st.floats(0.01, 5)),
    st.builds(lambda rule: PerClass({1: rule}), st.builds(Share, st.floats(0, 0.999))),
)


def kept(rule, member, values=None, groups=3, **options):
    member = torch.tensor(member, dtype=torch.int8)
    values = torch.zeros(member.shape) if values is None else torch.tensor(values)
    return kept_counts(as_rule(rule), group_sizes(member, groups), values, member, **options)


def crowd(*counts):
    """One image with so many voxels of each class."""
    return [[k for k, count in enumerate(counts) for _ in range(count)]]


@given(rule=RULES, ramp=st.floats(0, 1), seed=st.integers(0, 1000), n=st.integers(1, 60))
@settings(deadline=None)
def test_a_group_keeps_its_last_voxel_whatever_the_rule(rule, ramp, seed, n):
    generator = torch.Generator().manual_seed(seed)
    member = torch.randint(-1, 3, (2, n), generator=generator).to(torch.int8)
    sizes = group_sizes(member, 3)
    count = kept_counts(rule, sizes, torch.rand(2, n, generator=generator), member, ramp=ramp)
    assert ((count >= 1) == (sizes > 0)).all() and (count <= sizes).all()


def test_a_share_is_the_same_of_every_class_and_rounds_down():
    assert kept(0.1, crowd(1000, 59, 1)).tolist() == [[900, 54, 1]]
    assert kept(0.29, crowd(100, 7, 0)).tolist() == [[71, 5, 0]]  # 0.29 · 100 is 28.999… in binary


def test_a_count_is_the_same_for_every_class():
    assert kept(5, crowd(100, 20, 3)).tolist() == [[95, 15, 1]]


def test_equal_counts_follow_the_smallest_class_that_is_there():
    assert kept(EqualCounts(0.1), crowd(1000, 50, 20)).tolist() == [[998, 48, 18]]
    assert kept(EqualCounts(0.1), crowd(1000, 50, 0)).tolist() == [[995, 45, 0]]


def test_a_spread_drops_what_lies_far_above_the_rest():
    values = [[0.1, 0.2, 0.1, 0.2, 0.1, 0.2, 9.0, 3.0, 3.0, 3.0]]
    member = [[0, 0, 0, 0, 0, 0, 0, 1, 1, 1]]
    assert kept(Spread(2.0), member, values).tolist() == [[6, 3, 0]]
    assert kept(Spread(3.0), member, values).tolist() == [[7, 3, 0]]
    generator = torch.Generator().manual_seed(0)
    exponential = -torch.rand(1, 100_000, generator=generator).log()
    sizes = torch.tensor([[100_000]])
    dropped = Spread(3.0).dropped(sizes, exponential, torch.zeros(1, 100_000, dtype=torch.int8))
    assert dropped.item() / 100_000 == pytest.approx(0.0183, abs=0.001)


def test_classes_may_have_rules_of_their_own():
    assert kept({1: 0.5, 2: Count(2)}, crowd(100, 10, 10)).tolist() == [[100, 5, 8]]
    with pytest.raises(ConfigError, match="rule for class 3, of 3 classes"):
        kept({3: 0.5}, crowd(100, 10, 10))


def test_a_ramp_drops_a_part_of_the_number():
    assert kept(0.1, crowd(1000, 50, 0), ramp=0.5).tolist() == [[950, 48, 0]]
    assert kept(0.1, crowd(1000, 50, 0), ramp=0.0).tolist() == [[1000, 50, 0]]


def test_voxels_of_no_group_are_not_counted():
    assert kept(0.5, [[-1, -1, 0, 0, 2, 2]]).tolist() == [[1, 0, 1]]


@pytest.mark.parametrize(
    ("sigma", "sentence"),
    [
        (1.0, r"must lie in \[0, 1\), not 1.0"),
        (-0.1, r"must lie in \[0, 1\)"),
        (float("nan"), r"must lie in \[0, 1\)"),
        (-3, "must be 0 or more, not -3"),
        ({1: 1.5}, r"must lie in \[0, 1\)"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(sigma, sentence):
    with pytest.raises(ConfigError, match=sentence):
        as_rule(sigma)
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match="factor of the spread"):
            Spread(wrong)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), factor=st.floats(0.1, 3))
@settings(deadline=None)
def test_the_spread_of_all_groups_at_once_is_that_of_each(seed, n, factor):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(2, n, generator=generator, dtype=torch.float64).exp()
    member = torch.randint(-1, 3, (2, n), generator=generator).to(torch.int8)
    sizes = group_sizes(member, 3)
    expected = [
        [
            int((piece > piece.mean() + factor * piece.std(correction=0)).sum()) if len(piece) else 0
            for piece in pieces
        ]
        for pieces in ([values[b][member[b] == g] for g in range(3)] for b in range(2))
    ]
    for count in (spreads._group_by_group, spreads._at_once):
        assert count(values, member, sizes, factor).tolist() == expected
