"""The oracle of the micro-batches, against accumulated gradients of the library's envelope."""

from __future__ import annotations

import pytest
import torch

from segkit.exercises import check
from segkit.exercises.loss_envelope.accumulation import LOSSES, SHARE, _measured, _predictions
from segkit.loss_envelope import TopKSigmaLoss

NAME = "loss_envelope.micro_batches"
RIGHT = {4: [0.5, 0.5, 0, 0], 2: [0.5, 0, 0.5, 0], 1: [0.25] * 4}


def test_the_prediction_of_the_solution_is_the_oracles():
    assert _predictions(_measured) == RIGHT


@pytest.mark.parametrize("size", [4, 2, 1])
def test_the_envelope_weighs_images_as_the_oracle_does(size):
    """Each image is one voxel whose loss is its own."""
    loss = TopKSigmaLoss(top_k=SHARE, sigma=0.0, temperature_image=0.0, dice_weight=0.0, base=first_logit)
    logits = torch.zeros(4, 2, 1)
    logits[:, 0, 0] = torch.tensor(LOSSES)
    logits.requires_grad_()
    for part in logits.split(size):
        (loss(part, torch.zeros(len(part), 1, dtype=torch.int64)) * size / 4).backward()
    torch.testing.assert_close(logits.grad[:, 0, 0], _measured(torch.tensor(LOSSES), SHARE, size))


def first_logit(logits, labels, *, valid=None):
    return logits[:, 0]


def test_an_answer_by_loops_and_other_forms():
    def measure(losses, share, micro_batch):
        weights = []
        for start in range(0, len(losses), micro_batch):
            part = losses[start : start + micro_batch].tolist()
            k = -int(-share * len(part) // 1)
            best = sorted(part)[-k:]
            weights += [micro_batch / len(losses) / k if value in best else 0 for value in part]
        return weights

    assert check(NAME, (RIGHT, measure))
    assert check(NAME, [{size: torch.tensor(each) for size, each in RIGHT.items()}, _measured])


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (RIGHT, "Pass a pair"),
        (7, "Pass a pair"),
        (({4: [0, 0, 0, 0]}, _measured), "three entries"),
        (
            ({**RIGHT, 4: [0, 0, 0.5, 0.5]}, _measured),
            "prediction for micro-batches of 4 is not what happens",
        ),
        (({**RIGHT, 2: [0.5, 0.5]}, _measured), "prediction for micro-batches of 2"),
        ((RIGHT, lambda losses, share, size: losses), "yours gives"),
        ((RIGHT, 1), "without calling it"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize(
    "answer",
    [(..., _measured), ({4: ..., 2: ..., 1: ...}, _measured), (RIGHT, lambda losses, share, size: None)],
)
def test_half_an_answer_is_none(answer):
    assert check(NAME, answer).hint.startswith("Cut the four losses")
