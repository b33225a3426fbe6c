"""A batch in parts gives the gradient of the whole, and a transform sees it on the device."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.errors import ConfigError
from segkit.train import Supervised, Trainer
from tests.train.conftest import RandomBatches


def plain_method():
    torch.manual_seed(0)
    return Supervised(nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.Conv3d(4, 3, 1)), nn.CrossEntropyLoss())


def fitted(method, **options):
    settings = {
        "iterations": 3,
        "lr": 0.1,
        "optimizer": torch.optim.SGD,
        "logger": None,
        "accelerator": "cpu",
    }
    trainer = Trainer(method, **settings | options)
    return trainer, trainer.fit(RandomBatches(batch_size=4))


@pytest.mark.parametrize("parts", [2, 4])
def test_parts_give_the_gradient_of_the_whole(parts):
    whole, one = fitted(plain_method())
    split, other = fitted(plain_method(), accumulate=parts)
    assert other.column("total") == pytest.approx(one.column("total"), abs=1e-6)
    for mine, theirs in zip(split.method.parameters(), whole.method.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_what_selects_among_images_selects_within_a_part():
    """The mean over parts of the largest loss of each is not the largest of all."""

    def worst(logits, labels):
        return nn.functional.cross_entropy(logits, labels, reduction="none").flatten(1).mean(1).max()

    def method():
        made = plain_method()
        return Supervised(made.net, worst)

    _, whole = fitted(method(), iterations=1)
    _, parts = fitted(method(), iterations=1, accumulate=2)
    batch = RandomBatches(batch_size=4)[0]
    with torch.no_grad():
        logits = method().net(batch["image"])
        each = [worst(logits[j::2], batch["label"][j::2]) for j in range(2)]
    assert parts.column("total") == pytest.approx([float(sum(each) / 2)], abs=1e-5)
    assert parts.column("total")[0] < whole.column("total")[0]


def test_rows_that_cannot_be_divided():
    with pytest.raises(ConfigError, match="4 rows of 'image' cannot be accumulated in 3 even parts"):
        fitted(plain_method(), accumulate=3)


def test_a_transform_sees_every_part_and_its_state():
    seen = []

    def transform(batch, state):
        seen.append((len(batch["image"]), state.iteration))
        return {**batch, "label": torch.zeros_like(batch["label"])}

    _, history = fitted(plain_method(), accumulate=2, transform=transform, iterations=2, lr=1.0)
    assert seen == [(2, 0), (2, 0), (2, 1), (2, 1)]
    assert history.column("total")[1] < history.column("total")[0]
