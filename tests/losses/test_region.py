from __future__ import annotations

import pytest
import torch

from segkit.errors import ConfigError
from segkit.losses import IGNORE, SoftDiceLoss, dice_counts, reduce, soft_dice


def ball(radius: int, shift: int = 0) -> torch.Tensor:
    """A labelled ball in a grid of 9³."""
    axes = torch.meshgrid(*[torch.arange(9)] * 3, indexing="ij")
    return (sum((axis - 4 - shift * (d == 0)) ** 2 for d, axis in enumerate(axes)) <= radius**2).long()


def as_logits(labels: torch.Tensor, classes: int = 2) -> torch.Tensor:
    return 50.0 * torch.nn.functional.one_hot(labels, classes).movedim(-1, 1)


def test_a_shifted_ball_has_the_dice_of_the_two_sets():
    truth, prediction = ball(3)[None], ball(3, shift=2)[None]
    overlap = 2 * (truth & prediction).sum() / (truth.sum() + prediction.sum())
    value = soft_dice(as_logits(prediction), truth, smooth=0.0)
    torch.testing.assert_close(value, (1 - overlap).view(1, 1))


def test_an_absent_class_is_pushed_to_zero_by_a_smooth_of_a_voxel():
    logits = torch.zeros(1, 2, 100, requires_grad=True)
    labels = torch.zeros(1, 100, dtype=torch.int64)
    for smooth, least in ((1.0, 1e-5), (1e-5, 0.0)):
        (gradient,) = torch.autograd.grad(soft_dice(logits, labels, smooth=smooth).sum(), logits)
        assert (gradient[0, 1] > least).all()
        assert gradient[0, 1].max() < 1e-3
    assert gradient.abs().max() < 1e-8


def test_pooling_adds_before_dividing():
    labels = torch.stack([ball(1), ball(4)])
    logits = torch.randn(2, 2, 9, 9, 9, generator=torch.Generator().manual_seed(0))
    pooled = soft_dice(logits, labels, pooled=True)
    together = soft_dice(torch.cat(list(logits), -1)[None], torch.cat(list(labels), -1)[None])
    assert pooled.shape == (1, 1)
    torch.testing.assert_close(pooled, together)
    assert abs(pooled.item() - soft_dice(logits, labels).mean().item()) > 0.01


def test_background_is_a_column_of_its_own():
    labels = ball(2)[None]
    logits = torch.randn(1, 3, 9, 9, 9, generator=torch.Generator().manual_seed(0))
    whole = soft_dice(logits, labels, background=True)
    assert whole.shape == (1, 3)
    torch.testing.assert_close(whole[:, 1:], soft_dice(logits, labels))


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("skip_absent", [False, True])
@pytest.mark.parametrize("background", [False, True])
def test_the_module_is_the_reduced_function(pooled, skip_absent, background):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, 6, generator=generator)
    labels = torch.randint(-1, 3, (3, 5, 6), generator=generator)  # class 3 is absent
    labels[1] = IGNORE
    shared = {"background": background, "pooled": pooled}
    values = soft_dice(logits, labels, **shared)
    counts = dice_counts(labels, 4, skip_absent=skip_absent, **shared)
    loss = SoftDiceLoss(skip_absent=skip_absent, **shared)(logits, labels)
    torch.testing.assert_close(loss, reduce(values, counts))


def test_counts_respect_valid():
    labels = torch.tensor([[0, 1, 2], [1, 1, 1]])
    valid = torch.tensor([[True, True, False], [False, False, False]])
    assert dice_counts(labels, 3, valid=valid).tolist() == [[True, True], [False, False]]
    assert dice_counts(labels, 3, valid=valid, skip_absent=True).tolist() == [[True, False], [False, False]]
    assert dice_counts(labels, 3, valid=valid, pooled=True).tolist() == [[True, True]]


def test_negative_smooth_is_refused():
    with pytest.raises(ConfigError, match="smooth must not be negative"):
        SoftDiceLoss(smooth=-1.0)(torch.zeros(1, 2, 3), torch.zeros(1, 3, dtype=torch.int64))


def test_descent_finds_the_structure():
    logits = torch.zeros(1, 2, 9, 9, 9, requires_grad=True)
    truth = ball(2)[None]
    optimizer = torch.optim.Adam([logits], lr=0.5)
    for _ in range(40):
        optimizer.zero_grad()
        SoftDiceLoss()(logits, truth).backward()
        optimizer.step()
    assert torch.equal(logits.argmax(1), truth)
