from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from segkit.errors import ConfigError
from segkit.losses import CrossEntropyLoss, cross_entropy


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 3, 5, 2, generator=generator)
    labels = torch.randint(-1, 4, (2, 3, 5, 2), generator=generator)
    return logits, labels


def test_it_is_torchs_where_that_is_defined(batch):
    logits, labels = batch
    values = cross_entropy(logits, labels)
    assert values.shape == labels.shape
    torch.testing.assert_close(values, F.cross_entropy(logits, labels, ignore_index=-1, reduction="none"))
    torch.testing.assert_close(
        CrossEntropyLoss()(logits, labels), F.cross_entropy(logits, labels, ignore_index=-1)
    )


def test_with_weights_the_denominator_is_the_number_of_voxels(batch):
    logits, labels = batch
    weight = [0.5, 2.0, 0.0, 1.0]
    total = F.cross_entropy(logits, labels, torch.tensor(weight), ignore_index=-1, reduction="sum")
    loss = CrossEntropyLoss(class_weight=weight)(logits, labels)
    torch.testing.assert_close(loss, total / (labels >= 0).sum())


def test_valid_and_ignore_combine(batch):
    logits, labels = batch
    valid = torch.rand(labels.shape, generator=torch.Generator().manual_seed(1)) > 0.5
    both = labels.masked_fill(~valid, -1)
    torch.testing.assert_close(cross_entropy(logits, labels, valid=valid), cross_entropy(logits, both))
    torch.testing.assert_close(CrossEntropyLoss()(logits, labels, valid), CrossEntropyLoss()(logits, both))


def test_gathered_voxels(batch):
    logits, labels = batch
    rows = logits.movedim(1, -1)[labels >= 0]
    torch.testing.assert_close(
        CrossEntropyLoss()(rows, labels[labels >= 0]), CrossEntropyLoss()(logits, labels)
    )


def test_weights_must_fit_the_classes(batch):
    with pytest.raises(ConfigError, match="not one number for each of 4 classes"):
        CrossEntropyLoss(class_weight=[1.0, 2.0])(*batch)


def test_weights_move_with_the_module_and_stay_out_of_checkpoints():
    loss = CrossEntropyLoss(class_weight=[1.0, 2.0]).to(torch.float64)
    assert loss.class_weight.dtype == torch.float64
    assert loss.state_dict() == {}
