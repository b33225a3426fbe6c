from __future__ import annotations

import pytest
import torch

from segkit import data
from segkit.errors import DataError
from segkit.losses import IGNORE, CrossEntropyLoss, DiceCELoss, SoftDiceLoss
from segkit.losses.inputs import as_rows

LOGITS = torch.zeros(2, 3, 4, 5)
LABELS = torch.zeros(2, 4, 5, dtype=torch.int64)


@pytest.mark.parametrize("loss", [CrossEntropyLoss(), SoftDiceLoss(), DiceCELoss()])
@pytest.mark.parametrize(
    ("logits", "labels", "valid", "message"),
    [
        (
            LOGITS[:, 0],
            LABELS,
            None,
            r"labels of shape \(2, 4, 5\) do not belong to logits of shape \(2, 4, 5\)",
        ),
        (LOGITS[:, :1], LABELS, None, "K ≥ 2"),
        (LOGITS.long(), LABELS, None, "floating point"),
        (LOGITS, LABELS[:1], None, "labels of shape"),
        (LOGITS, LABELS[:, None], None, "labels of shape"),
        (LOGITS, LABELS.float(), None, "labels must be integers, got torch.float32"),
        (LOGITS, LABELS.bool(), None, "labels must be integers, got torch.bool"),
        (LOGITS, LABELS, LABELS[0].bool(), "valid of shape"),
        (LOGITS, LABELS, LABELS, "valid must be bool"),
        (LOGITS, LABELS + 3, None, "label 3 is neither one of the 3 classes nor IGNORE"),
        (LOGITS, LABELS - 2, None, "label -2 is neither"),
    ],
)
def test_wrong_input_says_what_is_wrong(loss, logits, labels, valid, message):
    with pytest.raises(DataError, match=message):
        loss(logits, labels, valid)


def test_a_label_out_of_range_may_stand_where_it_does_not_count():
    labels = LABELS.clone()
    labels[0, 0, 0] = 255
    rows = as_rows(LOGITS, labels, labels < 3)
    assert rows.logits.shape == (2, 3, 20)
    assert rows.labels[0, 0] == IGNORE
    assert rows.counts.sum() == 39


def test_without_ignored_voxels_there_is_no_mask():
    assert as_rows(LOGITS, LABELS).counts is None


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32])
def test_small_integers_are_labels(dtype):
    assert DiceCELoss()(LOGITS, LABELS.to(dtype)).item() > 0


def test_gathered_voxels_are_rows():
    rows = as_rows(torch.zeros(7, 3), torch.zeros(7, dtype=torch.int64))
    assert rows.logits.shape == (7, 3, 1)
    assert rows.labels.shape == (7, 1)


@pytest.mark.parametrize(
    ("given", "inside"), [("bfloat16", "float32"), ("float16", "float32"), ("float64", "float64")]
)
def test_computation_is_in_float32_at_least(given, inside):
    rows = as_rows(LOGITS.to(getattr(torch, given)), LABELS)
    assert rows.logits.dtype == getattr(torch, inside)


@pytest.mark.parametrize("loss", [CrossEntropyLoss(), SoftDiceLoss(), DiceCELoss()])
def test_autocast_does_not_reach_the_arithmetic(loss):
    logits = torch.randn(2, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(144).view(2, 8, 9) % 3
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(logits, labels)
    assert torch.equal(inside, loss(logits, labels))


@pytest.mark.parametrize("loss", [CrossEntropyLoss(), SoftDiceLoss(), DiceCELoss()])
def test_an_empty_batch_is_zero(loss):
    logits = torch.zeros(0, 3, 4, requires_grad=True)
    value = loss(logits, torch.zeros(0, 4, dtype=torch.int64))
    value.backward()
    assert value.item() == 0


def test_ignore_is_that_of_the_data():
    """The two packages do not import each other, so each has the constant."""
    assert data.IGNORE == IGNORE
