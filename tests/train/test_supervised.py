from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from segkit.errors import ConfigError
from segkit.train import State, Supervised

STATE = State(0, 1, torch.Generator())


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return {"image": torch.randn(2, 1, 5, 5), "label": torch.randint(0, 3, (2, 5, 5))}


@pytest.fixture
def net():
    torch.manual_seed(1)
    return nn.Conv2d(1, 3, 3, padding=1)


def squared(logits, labels):
    return logits.square().mean()


def test_one_loss_is_the_total(net, batch):
    terms = Supervised(net, cross_entropy).step(batch, STATE)
    assert terms.keys() == {"total"}
    assert torch.equal(terms["total"], cross_entropy(net(batch["image"]), batch["label"]))


def test_named_losses_are_weighted_and_logged(net, batch):
    method = Supervised(net, {"ce": cross_entropy, "size": squared}, weights={"size": 0.25})
    terms = method.step(batch, STATE)
    assert terms.keys() == {"ce", "size", "total"}
    torch.testing.assert_close(terms["total"], terms["ce"] + 0.25 * terms["size"])


def test_valid_reaches_the_loss_only_where_the_batch_has_it(net, batch):
    seen = []

    def loss(logits, labels, valid=None):
        seen.append(valid)
        return logits.mean()

    method = Supervised(net, loss)
    method.step(batch, STATE)
    valid = torch.ones(2, 5, 5, dtype=torch.bool)
    method.step(batch | {"valid": valid}, STATE)
    assert seen[0] is None
    assert torch.equal(seen[1], valid)


class Ripening(nn.Module):
    """A loss that grows with the share of the training that is done."""

    def forward(self, logits, labels, valid=None, *, progress=1.0):
        return progress * logits.square().mean()


def test_progress_reaches_the_losses_that_ask_for_it(net, batch):
    method = Supervised(net, {"ripe": Ripening(), "now": squared, "ce": cross_entropy})
    valid = torch.ones(2, 5, 5, dtype=torch.bool)
    terms = method.step(batch, State(3, 10, torch.Generator()))
    torch.testing.assert_close(terms["ripe"], 0.3 * terms["now"])

    with_valid = Supervised(net, Ripening()).step(batch | {"valid": valid}, State(1, 2, torch.Generator()))
    torch.testing.assert_close(with_valid["total"], 0.5 * terms["now"])


def test_the_loss_is_computed_in_full_precision(net, batch):
    seen = []

    def loss(logits, labels):
        seen.append((logits.dtype, torch.is_autocast_enabled("cpu")))
        return logits.mean()

    with torch.autocast("cpu", torch.bfloat16):
        Supervised(net, loss).step(batch, STATE)
    assert seen == [(torch.float32, False)]


def test_a_loss_that_is_a_module_belongs_to_the_method(net):
    method = Supervised(net, nn.CrossEntropyLoss(weight=torch.ones(3)))
    assert "loss_modules.0.weight" in method.state_dict()
    assert method.to(torch.float64).losses["total"].weight.dtype == torch.float64


def test_predictions_are_probabilities(net, batch):
    probabilities = Supervised(net, cross_entropy).predict(batch["image"])
    assert probabilities.shape == (2, 3, 5, 5)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2, 5, 5))
    assert torch.equal(probabilities.argmax(1), net(batch["image"]).argmax(1))


def test_names_that_make_no_sense(net):
    with pytest.raises(ConfigError, match="unknown loss term 'dise': did you mean 'dice'"):
        Supervised(net, {"dice": squared}, weights={"dise": 1.0})
    with pytest.raises(ConfigError, match="no loss may be named 'total'"):
        Supervised(net, {"total": squared})
