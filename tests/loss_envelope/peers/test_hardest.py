"""The peers that take the hardest voxels of a batch: against sorting, against the code that they resemble."""

from __future__ import annotations

import pytest
import torch

from segkit.bench.loss_envelope import nnunet_top_k
from segkit.errors import ConfigError
from segkit.loss_envelope import OHEMLoss, TopKCrossEntropyLoss, ohem, top_k_cross_entropy
from segkit.losses import IGNORE, CrossEntropyLoss, cross_entropy
from segkit.losses.probing import example


def hardest_first(logits, labels):
    """Cross-entropies of the voxels that count, in descending order."""
    return cross_entropy(logits, labels)[labels != IGNORE].sort(descending=True).values


def test_without_ignored_voxels_it_is_nnunets():
    logits, labels = example(7, 6, 5)
    found, wanted = top_k_cross_entropy(logits, labels), nnunet_top_k(logits, labels)
    torch.testing.assert_close(found, wanted)
    (ours,), (theirs,) = torch.autograd.grad(found, logits), torch.autograd.grad(wanted, logits)
    torch.testing.assert_close(ours, theirs)


def test_nnunet_counts_ignored_voxels_among_those_of_which_it_takes_a_share():
    logits, labels = example(20, 10, batch=1)
    labels[:, 4:] = IGNORE  # 40 of 200 voxels are left: their tenth is 4, the tenth of all is 20
    descending = hardest_first(logits, labels)
    torch.testing.assert_close(nnunet_top_k(logits, labels), descending[:20].mean())
    torch.testing.assert_close(top_k_cross_entropy(logits, labels), descending[:4].mean())

    labels[:, 1:] = IGNORE  # 10 are left: nnU-Net selects them all, and 10 zeros with them
    torch.testing.assert_close(nnunet_top_k(logits, labels), hardest_first(logits, labels).sum() / 20)
    torch.testing.assert_close(top_k_cross_entropy(logits, labels), hardest_first(logits, labels)[0])


def test_nnunet_has_no_loss_for_fewer_than_ten_voxels():
    logits, labels = example(9, batch=1)
    assert nnunet_top_k(logits, labels).isnan()
    torch.testing.assert_close(top_k_cross_entropy(logits, labels), hardest_first(logits, labels)[0])


def test_the_share_is_of_the_batch_and_not_of_an_image():
    logits, labels = example(50, batch=2)
    with torch.no_grad():
        logits[0].mul_(10)
        logits[1].zero_()
    value = top_k_cross_entropy(logits, labels, share=0.2)
    torch.testing.assert_close(value, hardest_first(logits, labels)[:20].mean())
    (gradient,) = torch.autograd.grad(value, logits)
    assert gradient[1].abs().max() == 0


@pytest.mark.parametrize(("share", "taken"), [(0.29, 29), (0.101, 10), (0.001, 1), (1.0, 100)])
def test_how_many_a_share_is(share, taken):
    logits, labels = example(100, batch=1)
    expected = hardest_first(logits, labels)[:taken].mean()
    torch.testing.assert_close(TopKCrossEntropyLoss(share=share)(logits, labels), expected)


def mmsegmentation_keeps(logits, labels, threshold, min_kept):
    """Which voxels `OHEMPixelSampler.sample` gives the weight 1, restated for logits without ignored ones."""
    p = torch.softmax(logits, 1).gather(1, labels[:, None])[:, 0]
    ascending = p.flatten().sort().values
    level = ascending[min(min_kept * len(labels), ascending.numel() - 1)]
    return p < max(level.item(), threshold)


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("min_kept", [2, 15, 29])
def test_it_keeps_what_mmsegmentation_keeps(threshold, min_kept):
    logits, labels = example(6, 5)
    kept = mmsegmentation_keeps(logits, labels, threshold, min_kept)
    value = OHEMLoss(threshold=threshold, keep=min_kept / 30)(logits, labels)
    torch.testing.assert_close(value, cross_entropy(logits, labels)[kept].mean())


def test_all_that_is_below_the_threshold_is_kept_even_when_the_share_is_small():
    logits, labels = example(40, batch=1)
    unsure = cross_entropy(logits, labels) > -torch.tensor(0.4).log()
    value = ohem(logits, labels, threshold=0.4, keep=0.01)
    torch.testing.assert_close(value, cross_entropy(logits, labels)[unsure].mean())
    assert 1 < unsure.sum() < 40


@pytest.mark.parametrize(
    "loss", [TopKCrossEntropyLoss(share=1.0), OHEMLoss(threshold=1.0), OHEMLoss(keep=1.0)]
)
def test_keeping_all_is_cross_entropy(loss):
    logits, labels = example(4, 5, ignored=True)
    torch.testing.assert_close(loss(logits, labels), CrossEntropyLoss()(logits, labels))


@pytest.mark.parametrize("loss", [TopKCrossEntropyLoss(), OHEMLoss()])
def test_a_nan_is_not_lost_among_the_ranks(loss):
    logits, labels = example(40)
    with torch.no_grad():
        logits[0, 1, 7] = torch.nan
    assert loss(logits, labels).isnan()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: TopKCrossEntropyLoss(share=0.0),
            r"share is a share of the valid voxels in \(0, 1\], got 0.0",
        ),
        (lambda: TopKCrossEntropyLoss(share=10), "got 10"),
        (lambda: OHEMLoss(keep=0.0), "keep is a share"),
        (lambda: OHEMLoss(threshold=-0.1), r"threshold is a probability in \[0, 1\], got -0.1"),
        (lambda: ohem(*example(2), threshold=70), "got 70"),
        (lambda: top_k_cross_entropy(*example(2), share=float("nan")), "got nan"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(ConfigError, match=sentence):
        make()
