from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import CoarseRefined, CoarseRefinedConsistency, RampUp
from segkit.losses import DiceCELoss
from tests.coarse_refined.methods import build, pair, ranked, state
from tests.coarse_refined.shapes import two_streams


def test_same_view_pulls_the_coarse_output_to_the_refined_one():
    method, batch = CoarseRefined(pair(variant="decoders"), view=None), two_streams()
    terms = method.step(batch, state())
    out = method.net.outputs(batch["unlabelled_image"])
    wanted = CoarseRefinedConsistency()(out.coarse, out.refined)
    torch.testing.assert_close(terms["unlabelled"], wanted)
    gap = (out.coarse.softmax(1) - out.refined.softmax(1)).norm(dim=1).mean()
    torch.testing.assert_close(terms["gap"], gap.detach())


def test_both_outputs_are_supervised():
    method, batch = CoarseRefined(pair(variant="decoders"), view=None), two_streams()
    out = method.net.outputs(batch["image"])
    loss = DiceCELoss(dice_weight=0.5, ce_weight=0.5, pooled=True)
    wanted = (loss(out.coarse, batch["label"]) + loss(out.refined, batch["label"])) / 2
    torch.testing.assert_close(method.step(batch, state())["supervised"], wanted)


def test_on_the_same_view_no_consistency_gradient_reaches_the_second_decoder():
    method, batch = CoarseRefined(pair(variant="decoders"), view=None), two_streams()
    method.step(batch, state())["unlabelled"].backward()
    first, second = method.net.unet.decoders
    assert all(p.grad is None or p.grad.abs().max() == 0 for p in second.parameters())
    assert max(p.grad.abs().max() for p in first.parameters()) > 0


def test_on_a_strong_view_both_outputs_learn_the_refined_target():
    method, batch = CoarseRefined(pair(variant="decoders")), two_streams()
    torch.manual_seed(0)
    terms = method.step(batch, state(seed=3))
    weak = method.net.outputs(batch["unlabelled_image"]).refined.detach()
    strong = method.net.outputs(method.view(batch["unlabelled_image"], state(seed=3).generator))
    loss = CoarseRefinedConsistency()
    wanted = (loss(strong.coarse, weak) + loss(strong.refined, weak)) / 2
    torch.testing.assert_close(terms["unlabelled"], wanted, atol=1e-5, rtol=1e-4)
    terms["unlabelled"].backward()
    assert all(max(p.grad.abs().max() for p in d.parameters()) > 0 for d in method.net.unet.decoders)


def test_ranked_losses_join_the_supervised_term_at_their_start():
    method, batch = build("CRII"), two_streams()
    method.ranked.start = 0.4
    early, late = (method.step(batch, state(at)) for at in (10, 60))
    assert "intra" not in early
    ranked_sum = 0.1 * late["intra"] + 0.1 * late["inter"]
    method.ranked = None
    alone = method.step(batch, state(60))
    torch.testing.assert_close(late["supervised"] - ranked_sum, alone["supervised"])


def test_a_resumed_run_finds_the_memory():
    method = build("CRII")
    method.step(two_streams(), state())
    other = build("CRII")
    other.load_state_dict(method.state_dict())
    torch.testing.assert_close(other.ranked.inter.memory.rows, method.ranked.inter.memory.rows)
    assert method.ranked.inter.memory.rows.abs().max() > 0


@pytest.mark.parametrize("view", [None, "strong"])
def test_with_weight_zero_it_is_the_supervised_pair(view):
    def gradient(**options):
        torch.manual_seed(0)
        method = CoarseRefined(pair(), **options)
        method.step(two_streams(), state())["total"].backward()
        return torch.cat([p.grad.flatten() for p in method.net.unet.parameters()])

    same = {} if view else {"view": None}
    zero = gradient(ramp=RampUp(0.0), **same)
    one = gradient(ramp=RampUp(1.0), **same)
    if view:
        assert (zero - one).abs().max() > 1e-4
    else:  # refined equals coarse at the start: the trivial minimum of the consistency
        torch.testing.assert_close(zero, one)


def test_ranked_terms_need_labels_alone():
    both, net, batch = ranked(), pair(), two_streams()
    out = net.outputs(batch["image"])
    _, total = both(net, out, batch["image"], torch.full_like(batch["label"], -1), state())
    assert total == 0


def test_the_weak_view_is_a_target_alone_whatever_the_consistency():
    def gradient(kind):
        torch.manual_seed(0)
        method = CoarseRefined(pair(variant="decoders"), consistency=CoarseRefinedConsistency(kind))
        method.step(two_streams(), state())["unlabelled"].backward()
        return torch.cat([p.grad.flatten() for p in method.net.unet.parameters()])

    torch.testing.assert_close(gradient("symmetric"), gradient("detached"))
