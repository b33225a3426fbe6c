from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import IntraPatchRankedLoss, RankedTerms
from segkit.coarse_refined.ranked_terms import both_outputs
from segkit.errors import ConfigError
from tests.coarse_refined.methods import pair, ranked, state, unet
from tests.coarse_refined.shapes import two_streams


def test_the_sum_is_weighted():
    net, batch, both = pair(), two_streams(), ranked()
    both.weights = (0.5, 2.0)
    terms, total = both(net, net.outputs(batch["image"]), batch["image"], batch["label"], state())
    assert terms["intra"] > 0 < terms["inter"]
    torch.testing.assert_close(total, 0.5 * terms["intra"] + 2.0 * terms["inter"])


def test_before_the_start_there_is_nothing():
    net, batch = pair(), two_streams()
    out = net.outputs(batch["image"])
    terms, total = ranked(start=0.6)(net, out, batch["image"], batch["label"], state(50))
    assert terms == {}
    assert total == 0
    assert total.requires_grad


def test_under_autocast_distances_stay_exact():
    net, batch = pair(), two_streams()
    both = ranked().eval()
    out = net.outputs(batch["image"])
    _, exact = both(net, out, batch["image"], batch["label"], state())
    with torch.autocast("cpu", torch.bfloat16):
        _, under = both(net, out, batch["image"], batch["label"], state())
    assert torch.equal(exact, under)


def test_a_plain_network_says_everything_twice():
    out = both_outputs(unet(), two_streams()["image"])
    assert out.coarse is out.refined


def test_options():
    with pytest.raises(ConfigError, match="no ranked loss"):
        RankedTerms()
    with pytest.raises(ConfigError, match="0 or more"):
        RankedTerms(IntraPatchRankedLoss(), weights=(-1.0, 0.0))
