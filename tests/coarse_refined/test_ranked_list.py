from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.losses import RankedListLoss as Peer

from segkit.coarse_refined import RankedListLoss, ranked_list_loss
from segkit.errors import DataError
from tests.coarse_refined import oracles


def example(n=12, d=4, classes=3, seed=0, ignored=False):
    generator = torch.Generator().manual_seed(seed)
    z = F.normalize(torch.randn(n, d, generator=generator, dtype=torch.float64), dim=1)
    labels = torch.randint(0, classes, (n,), generator=generator)
    labels[:classes] = torch.arange(classes)
    if ignored:
        labels[classes::3] = -1
    return z.requires_grad_(), labels


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(4, 14),
    classes=st.integers(1, 4),
    seed=st.integers(0, 10**6),
    t_pos=st.sampled_from([0.0, 4.0]),
    t_neg=st.sampled_from([0.0, 10.0]),
    beta=st.floats(0, 1),
    ignored=st.booleans(),
)
def test_equals_loops(n, classes, seed, t_pos, t_neg, beta, ignored):
    z, labels = example(n, 3, min(classes, n), seed, ignored)
    options = {"t_pos": t_pos, "t_neg": t_neg, "beta": beta}
    wanted = torch.tensor(oracles.ranked_list(z, labels, **options), dtype=torch.float64)
    torch.testing.assert_close(ranked_list_loss(z, labels, **options), wanted)


@pytest.mark.parametrize("t_neg", [0.0, 5.0])
def test_equals_the_metric_learning_library(t_neg):
    z, labels = example(64, 8, 4)
    peer = Peer(margin=0.4, Tn=t_neg, alpha=1.2, Tp=1.0)
    ours = RankedListLoss(t_neg=t_neg, t_pos=1.0)
    # The peer adds 1e-5 for each of 64 pairs to denominators that are 1 or more.
    assert ours(z, labels).item() == pytest.approx(peer(z, labels).item(), rel=1e-3)


def test_weights_have_no_gradient():
    z, labels = example(10)
    wanted = torch.autograd.grad(oracles.ranked_list_by_autograd(z, labels, t_pos=3.0), z)[0]
    found = torch.autograd.grad(RankedListLoss(t_pos=3.0)(z, labels), z)[0]
    torch.testing.assert_close(found, wanted)


def test_two_point_masses_beyond_alpha_are_perfect():
    z = torch.tensor([[1.0, 0.0]] * 3 + [[-1.0, 0.0]] * 2, requires_grad=True)
    values = ranked_list_loss(z, torch.tensor([0, 0, 0, 1, 1]))
    (gradient,) = torch.autograd.grad(values.sum(), z)
    assert values.abs().max() == 0
    assert gradient.abs().max() == 0


def test_rotations_change_nothing():
    z, labels = example()
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
    torch.testing.assert_close(ranked_list_loss(z @ turn, labels), ranked_list_loss(z, labels))


def test_permutations_permute():
    z, labels = example()
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ranked_list_loss(z[order], labels[order]), ranked_list_loss(z, labels)[order])


def test_ignored_rows_change_nothing_not_even_as_nan():
    z, labels = example(ignored=True)
    kept = labels >= 0
    alone = ranked_list_loss(z[kept], labels[kept])
    poisoned = z.detach().clone()
    poisoned[~kept] = torch.nan
    poisoned.requires_grad_()
    values = ranked_list_loss(poisoned, labels)
    torch.testing.assert_close(values[kept], alone)
    assert values[~kept].abs().max() == 0
    (gradient,) = torch.autograd.grad(values.sum(), poisoned)
    assert gradient[~kept].abs().max() == 0
    torch.testing.assert_close(RankedListLoss()(z, labels), alone.mean())


def test_nothing_labelled_is_zero_and_connected():
    z, _ = example(5)
    value = RankedListLoss()(z, torch.full((5,), -1))
    (gradient,) = torch.autograd.grad(value, z)
    assert value == 0
    assert gradient.abs().max() == 0


def test_others_fill_the_lists():
    z, labels = example(9)
    others, classes = example(7, seed=5)
    found = ranked_list_loss(z, labels, others=others, other_labels=classes)
    rows, their = z.tolist(), others.tolist()
    for i, k in enumerate(labels.tolist()):
        positives = [their[j] for j in range(7) if classes[j] == k]
        negatives = [their[j] for j in range(7) if classes[j] != k]
        assert found[i].item() == pytest.approx(oracles.anchor_value(rows[i], positives, negatives))


@pytest.mark.parametrize(
    ("z", "labels"),
    [
        (torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(3), torch.zeros(3, dtype=torch.int64)),
        (torch.zeros(3, 2), torch.zeros(3)),
    ],
)
def test_what_does_not_fit_raises(z, labels):
    with pytest.raises(DataError, match="one integer label each"):
        ranked_list_loss(z, labels)
