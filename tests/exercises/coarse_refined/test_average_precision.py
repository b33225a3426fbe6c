"""The oracle against the library, loops and the exact average precision; other right and wrong answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.coarse_refined import smooth_ap
from segkit.exercises import check
from segkit.exercises.coarse_refined.average_precision import CUT_OFF, MASKED_LATE, MISTAKES, _inputs, _loss

NAME = "coarse_refined.smooth_ap"


def by_loops(scores, targets, temperature):
    losses = []
    for row, own in zip(scores, targets, strict=True):
        found = []
        for i in range(len(row)):
            if own[i]:
                above = [torch.sigmoid((row[j] - row[i]) / temperature) for j in range(len(row)) if j != i]
                sides = [bool(own[j]) for j in range(len(row)) if j != i]
                mine = [g for g, side in zip(above, sides, strict=True) if side]
                found.append((1 + sum(mine)) / (1 + sum(above)))
        losses.append(1 - sum(found) / len(found) if found else 0 * row.sum())
    return torch.stack(losses)


def test_the_oracle_is_the_librarys_and_that_of_loops():
    for case in _inputs():
        scores, targets, temperature = case
        torch.testing.assert_close(_loss(*case), smooth_ap(scores, targets, temperature=temperature))
        torch.testing.assert_close(_loss(*case), by_loops(*case))


def test_it_tends_to_the_exact_average_precision():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randperm(20, generator=generator)[None].double()
    targets = torch.rand(1, 20, generator=generator) < 0.4
    hits = targets[0][scores[0].argsort(descending=True)].double()
    exact = float((hits.cumsum(0) / torch.arange(1, 21) * hits).sum() / hits.sum())
    assert float(_loss(scores, targets, 1e-3)) == pytest.approx(1 - exact)


def test_inputs_hold_what_a_wrong_answer_stumbles_over():
    inputs = _inputs()
    assert any(not targets.any(1).all() for _, targets, _ in inputs)
    assert all((scores.diff(dim=1) == 0).any() for scores, _, _ in inputs)
    assert all(targets.any() and not targets.all() for _, targets, _ in inputs)


def test_loops_are_an_answer():
    assert check(NAME, by_loops)


def test_of_two_mistakes_the_first_is_told():
    def both(scores, targets, temperature):
        count = targets.sum(1)
        return MISTAKES["itself"].answer(scores, targets, temperature) * count / count

    assert check(NAME, both).hint == MISTAKES["itself"].hint


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda s, f, t: _loss(s.detach(), f, t), CUT_OFF),
        (lambda s, f, t: _loss(s, f, t).tolist(), CUT_OFF),
        (lambda s, f, t: np.asarray(_loss(s.detach(), f, t)), CUT_OFF),
        (
            lambda s, f, t: _loss(s, f, t) + (s - s.detach()).sum(),
            "their gradient is not that of the formula",
        ),
        (lambda s, f, t: _loss(s, f, t) * (0 * s.sum(1)).sqrt().exp(), MASKED_LATE),
        (lambda s, f, t: _loss(s, f, t).mean(), "shape () where (2,) is expected"),
        (lambda s, f, t: torch.full((len(s),), 0.3), "yours gives 0.3"),
        (lambda s, f, t: "loss", "Numbers are expected"),
        (lambda s, f: _loss(s, f, 1.0), "TypeError"),
    ],
    ids=["detached", "list", "array", "other slope", "root", "mean", "constant", "text", "two arguments"],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint
