from __future__ import annotations

import math

import pytest
import torch

from segkit.coarse_refined import CoarseRefinedConsistency, coarse_refined_consistency
from segkit.coarse_refined.consistency import KINDS
from segkit.errors import ConfigError, DataError
from segkit.losses.properties import (
    depth_one_is_flat,
    gradient_is_right,
    ignores_common_shift,
    ignores_order_of_voxels,
    keeps_dtype,
    large_logits_are_finite,
    layout_changes_nothing,
    repeats_itself,
    shards_average_to_batch,
    sums_in_full_precision,
)
from tests.losses.oracles import softmax

CHECKS = (
    depth_one_is_flat,
    gradient_is_right,
    ignores_common_shift,
    ignores_order_of_voxels,
    keeps_dtype,
    large_logits_are_finite,
    layout_changes_nothing,
    repeats_itself,
    shards_average_to_batch,
    sums_in_full_precision,
)


def example(*size, seed=0, k=3):
    generator = torch.Generator().manual_seed(seed)
    pair = torch.randn(2, 2, k, *size, generator=generator, dtype=torch.float64)
    return pair[0].requires_grad_(), pair[1].requires_grad_()


def loop(c, r, kind, kappa=0.0, temperature=0.5):
    """One voxel in plain Python."""
    p, t = softmax(c), softmax(r)
    if max(t) < kappa:
        return 0.0
    if kind == "kl":
        return sum(b * math.log(b / a) for a, b in zip(p, t, strict=True))
    if kind == "hard":
        return -math.log(p[t.index(max(t))])
    if kind == "sharpened":
        power = [b ** (1 / temperature) for b in t]
        t = [b / sum(power) for b in power]
    return sum((a - b) ** 2 for a, b in zip(p, t, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kappa", [0.0, 0.6])
def test_every_voxel_equals_a_loop(kind, kappa):
    c, r = example(3, 2)
    found = coarse_refined_consistency(c, r, kind=kind, kappa=kappa)
    for b in range(2):
        for place in ((0, 0), (1, 1), (2, 0)):
            voxel = (b, slice(None), *place)
            wanted = loop(c[voxel].tolist(), r[voxel].tolist(), kind, kappa)
            assert found[(b, *place)].item() == pytest.approx(wanted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("check", CHECKS)
def test_it_behaves_as_a_loss_of_the_coarse_logits(kind, check):
    def loss(logits, labels, valid):
        if logits.shape[0] != labels.shape[0]:
            raise DataError("the target belongs to other images")
        target = 2.0 * torch.nn.functional.one_hot(labels, logits.shape[1]).movedim(-1, 1)
        return CoarseRefinedConsistency(kind, kappa=0.1)(logits, target.to(logits.dtype), valid)

    check(loss)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "symmetric"])
def test_the_target_gets_no_gradient_at_all(kind):
    c, r = example(4)
    coarse_refined_consistency(c, r, kind=kind).sum().backward()
    assert r.grad is None
    assert c.grad.abs().max() > 0


def test_without_stop_gradient_both_move_towards_each_other():
    c, r = example(4)
    coarse_refined_consistency(c, r, kind="symmetric").sum().backward()
    swapped = coarse_refined_consistency(r, c, kind="symmetric").sum()
    torch.testing.assert_close(torch.autograd.grad(swapped, r)[0], r.grad)
    assert r.grad.abs().max() > 0


@pytest.mark.parametrize("kind", ["detached", "symmetric", "kl"])
def test_equal_outputs_are_perfect(kind):
    c, _ = example(4)
    found = coarse_refined_consistency(c, c.detach().clone(), kind=kind)
    assert found.abs().max() < 1e-15


def test_voxels_below_kappa_have_no_gradient_and_stay_in_the_mean():
    c = torch.zeros(1, 2, 2, requires_grad=True)
    r = torch.tensor([[[0.0, 9.0], [0.1, 0.0]]])
    value = CoarseRefinedConsistency(kappa=0.9)(c, r)
    value.backward()
    assert c.grad[..., 0].abs().max() == 0
    assert value.item() == pytest.approx(0.25, abs=1e-3)


def test_invalid_voxels_do_not_count():
    c, r = example(4)
    valid = torch.tensor([[True, False, True, False]] * 2)
    torch.testing.assert_close(
        CoarseRefinedConsistency()(c, r, valid), coarse_refined_consistency(c, r)[:, ::2].mean()
    )


def test_bad_input():
    c, r = example(4)
    with pytest.raises(DataError, match="of one shape"):
        coarse_refined_consistency(c, r[:1])
    with pytest.raises(ConfigError, match="did you mean 'detached'"):
        CoarseRefinedConsistency("detachd")
    with pytest.raises(ConfigError, match="kappa"):
        CoarseRefinedConsistency(kappa=1.0)
