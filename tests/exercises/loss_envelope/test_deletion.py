"""The oracle of the lost classes, against the library's own selection."""

from __future__ import annotations

import pytest
import torch

from segkit.exercises import check
from segkit.exercises.loss_envelope.deletion import _left
from segkit.loss_envelope import TopKSigmaLoss

NAME = "loss_envelope.voxels_left"


@pytest.mark.filterwarnings("ignore:scope='image'")
@pytest.mark.parametrize("scope", ["image", "class"])
@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.25, 0.6])
def test_the_envelope_keeps_as_many(sigma, scope):
    counts = torch.tensor([130, 5, 40, 25])
    labels = torch.repeat_interleave(torch.arange(4), counts)[None]
    logits = (counts / counts.sum()).log()[None, :, None].expand(1, 4, 200)
    report = TopKSigmaLoss(sigma=sigma, scope=scope, dice_weight=0.0).report(logits, labels)
    kept = counts * (1 - report.trimmed)
    torch.testing.assert_close(kept, torch.tensor(_left(counts.tolist(), sigma, scope)).float())


def test_an_answer_that_lists_every_voxel():
    def answer(counts, sigma, scope):
        if scope == "class":
            return [n - int(sigma * n) for n in counts]
        voxels = sorted((n, c) for c, n in enumerate(counts) for _ in range(n))
        kept = [c for _, c in voxels[int(sigma * len(voxels)) :]]
        return torch.tensor([kept.count(c) for c in range(len(counts))])

    assert check(NAME, answer)


def test_no_share_below_one_deletes_a_class_within_itself():
    assert all(_left([1, 2, 7, 100], sigma, "class")[0] == 1 for sigma in (0.0, 0.5, 0.99))
