from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from segkit.coarse_refined import (
    hardest_pixels,
    neighbour_ap,
    score_ranking,
    smooth_ap,
    structure_scores,
)
from segkit.errors import ConfigError, DataError


def example(p=3, n=9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(p, n, generator=generator, dtype=torch.float64)
    targets = torch.rand(p, n, generator=generator) < 0.5
    targets[:, 0], targets[:, 1] = True, False
    return scores.requires_grad_(), targets


def step_auc(scores, targets) -> float:
    """Share of pairs in the right order; ties count half."""
    own, other = scores[targets].tolist(), scores[~targets].tolist()
    right = sum((a > b) + 0.5 * (a == b) for a in own for b in other)
    return right / (len(own) * len(other))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 12), margin=st.sampled_from([0.0, 0.5, 2.0]))
def test_score_ranking_equals_all_pairs(seed, n, margin):
    scores, targets = example(2, n, seed)
    for row, mask, found in zip(scores, targets, score_ranking(scores, targets, margin=margin), strict=True):
        hinge = (margin - (row[mask][:, None] - row[~mask][None])).clamp(min=0)
        assert found.item() == pytest.approx(hinge.mean().item(), abs=1e-12)


def test_score_ranking_is_auc_where_the_hinge_is_a_step():
    # Scores are −½ or ½ and μ = 1 − 0: the hinge of a pair is 0 in order, 1 tied, 2 reversed.
    generator = torch.Generator().manual_seed(1)
    scores = torch.randint(0, 2, (4, 20), generator=generator).double() - 0.5
    targets = torch.rand(4, 20, generator=generator) < 0.4
    found = score_ranking(scores, targets, margin=1.0) / 2
    wanted = [1 - step_auc(row, mask) for row, mask in zip(scores, targets, strict=True)]
    assert found.tolist() == pytest.approx(wanted)


def test_smooth_ap_tends_to_average_precision():
    scores, targets = example(4, 10, seed=2)
    rows = zip(targets.numpy(), scores.detach().numpy(), strict=True)
    wanted = [1 - average_precision_score(mask, row) for mask, row in rows]
    assert smooth_ap(scores, targets, temperature=1e-5).tolist() == pytest.approx(wanted, abs=1e-6)


def test_the_hinge_bounds_what_is_lost_of_the_area_under_the_curve():
    scores, targets = example(6, 12, seed=4)
    for row, mask in zip(scores, targets, strict=True):
        lost = 1 - roc_auc_score(mask.numpy(), row.detach().numpy())
        assert score_ranking(row[None], mask[None], margin=1.0).item() >= lost
        assert step_auc(row, mask) == pytest.approx(1 - lost)


def embedded(p=2, n=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(p, 2 * n, 3, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(z, dim=-1).requires_grad_()


@pytest.mark.parametrize(("anchors", "asked"), [(10, range(10)), (99, range(10)), (5, range(0, 10, 2))])
def test_neighbours_tend_to_average_precision_of_every_anchor(anchors, asked):
    z = embedded()
    found = neighbour_ap(z, anchors=anchors, temperature=1e-6)
    for patch, value in zip(z.detach().numpy(), found, strict=True):
        lost = []
        for i in asked:
            others = [j for j in range(10) if j != i]
            own = [(j < 5) == (i < 5) for j in others]
            lost.append(1 - average_precision_score(own, patch[others] @ patch[i]))
        assert value.item() == pytest.approx(sum(lost) / len(lost), abs=1e-6)


def test_neighbours_have_the_gradient_of_their_value_and_stay_in_their_patch():
    z = embedded()
    torch.autograd.gradcheck(lambda rows: neighbour_ap(rows, anchors=3, temperature=0.5), z)
    moved = z.detach().clone()
    moved[1] = embedded(1, seed=7)[0]
    assert torch.equal(neighbour_ap(moved)[0], neighbour_ap(z)[0])


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 2, 3), (6, 3)])
def test_neighbours_of_another_shape(shape):
    with pytest.raises(DataError, match="n ≥ 2 pixels of each side"):
        neighbour_ap(torch.zeros(shape))
    with pytest.raises(ConfigError, match="one anchor"):
        neighbour_ap(torch.zeros(1, 4, 2), anchors=0)


def test_hardest_pixels_are_the_largest_entropies():
    scores, targets = example(2, 8)
    p = torch.sigmoid(scores)
    entropy = -torch.where(targets, p, 1 - p).log()
    wanted = entropy.sort(1, descending=True).values[:, :2].mean(1)
    torch.testing.assert_close(hardest_pixels(scores, targets, share=0.25), wanted)
    torch.testing.assert_close(hardest_pixels(scores, targets, share=1.0), entropy.mean(1))


@pytest.mark.parametrize(
    "loss", [hardest_pixels, score_ranking, lambda s, t: smooth_ap(s, t, temperature=0.5)]
)
def test_gradients_are_those_of_the_values(loss):
    scores, targets = example()
    torch.autograd.gradcheck(lambda s: loss(s, targets), scores)


@pytest.mark.parametrize("loss", [hardest_pixels, score_ranking, smooth_ap])
def test_patches_do_not_see_each_other(loss):
    scores, targets = example()
    moved = scores.detach().clone()
    moved[1] += torch.randn(9)
    assert torch.equal(loss(moved, targets)[[0, 2]], loss(scores, targets)[[0, 2]])


@pytest.mark.parametrize("loss", [score_ranking, smooth_ap])
def test_right_order_is_perfect_and_one_side_alone_is_zero(loss):
    targets = torch.tensor([[True, True, False], [False, False, False]])
    scores = torch.tensor([[30.0, 20.0, -10.0], [1.0, 2.0, 3.0]])
    assert loss(scores, targets).abs().max() < 1e-6


def test_scores_of_two_classes_are_differences_of_logits():
    logits = torch.randn(3, 4, 2)
    torch.testing.assert_close(
        structure_scores(logits, torch.ones(3).long()), logits[..., 1] - logits[..., 0]
    )


def test_scores_are_log_odds():
    logits = torch.randn(2, 5, 4, dtype=torch.float64)
    p = logits.softmax(-1)[0, :, 2]
    torch.testing.assert_close(structure_scores(logits, torch.tensor([2, 1]))[0], (p / (1 - p)).log())


@pytest.mark.parametrize(
    ("loss", "option"),
    [(hardest_pixels, {"share": 0.0}), (score_ranking, {"margin": -1.0}), (smooth_ap, {"temperature": 0.0})],
)
def test_bad_options_and_shapes(loss, option):
    scores, targets = example()
    with pytest.raises(ConfigError):
        loss(scores, targets, **option)
    with pytest.raises(DataError, match="of one shape"):
        loss(scores, targets[:, :4])
