from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import CoarseRefinedConsistency, MixedCoarseRefined, RampUp, StrongView
from segkit.coarse_refined.baselines import CopyPaste
from segkit.errors import DataError
from tests.coarse_refined.methods import pair, ranked, state
from tests.coarse_refined.shapes import two_streams

STILL = StrongView(contrast=0.0, offset=0.0, blur=0.0, noise=0.0, cutout=0.0)


def two(**options):
    """The mixed method and plain copy-paste, with the same weights."""
    net = pair(variant="decoders")
    method = MixedCoarseRefined(net, pretrain=0.0, **options)
    plain = CopyPaste(net, pretrain=0.0, view=method.strong)
    with torch.no_grad():
        for each in (method, plain):
            each.teacher.module.unet.decoders[1].head.mix.get_parameter("conv.bias").add_(
                torch.tensor([0.0, 1.0])
            )
    return method, plain


@pytest.mark.parametrize("own", [False, True])
def test_the_whole_strong_view_follows_the_refined_output_of_a_teacher(own):
    method, _ = two(view=STILL, own=own)
    batch = two_streams()
    terms = method.step(batch, state())
    target = (method.net if own else method.teacher.module).outputs(batch["unlabelled_image"]).refined
    out = method.net.outputs(batch["unlabelled_image"])
    loss = CoarseRefinedConsistency()
    wanted = (loss(out.coarse, target) + loss(out.refined, target)) / 2
    torch.testing.assert_close(terms["consistency"], wanted.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("at", "weight"), [(90, 3.0), (40, 3.0), (0, 3.0 * 0.006738)])
def test_it_adds_to_copy_paste_with_a_ramp_of_its_own(at, weight):
    method, plain = two(consistency_ramp=RampUp(3.0, length=0.4))
    batch = two_streams()
    mixed, alone = method.step(batch, state(at)), plain.step(batch, state(at))
    torch.testing.assert_close(mixed["unlabelled"], alone["unlabelled"])
    added = mixed["total"] - alone["total"]
    torch.testing.assert_close(added, weight * mixed["consistency"], atol=1e-5, rtol=1e-3)


def test_both_outputs_learn_and_the_average_does_not():
    method, _ = two()
    method.step(two_streams(), state())["total"].backward()
    assert all(max(p.grad.abs().max() for p in each.parameters()) > 0 for each in method.net.unet.decoders)
    assert all(p.grad is None for p in method.teacher.parameters())


def test_with_labelled_images_pasted_alone_unlabelled_ones_enter_through_consistency():
    method, _ = two(unlabelled=False)
    batch = two_streams()
    terms = method.step(batch, state())
    assert terms["unlabelled"] == 0 and terms["consistency"] > 0
    other = {**batch, "unlabelled_image": -batch["unlabelled_image"]}
    assert method.step(other, state())["consistency"] != terms["consistency"]
    with pytest.raises(DataError, match="unlabelled_image"):
        method.step({key: batch[key] for key in ("image", "label")}, state())


def test_ranked_losses_are_those_of_copy_paste():
    method = MixedCoarseRefined(pair(), pretrain=0.0, ranked=ranked())
    terms = method.step(two_streams(), state())
    assert {"intra", "inter", "consistency", "gap"} <= terms.keys() and torch.isfinite(terms["total"])
