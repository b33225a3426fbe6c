"""Pasting pixel by pixel, and answers of other forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.exercises import check
from segkit.exercises.coarse_refined.copy_paste import FLOATS, MISTAKES, _inputs, _paste

NAME = "coarse_refined.copy_paste"


@pytest.mark.parametrize("case", _inputs())
def test_every_pixel_is_of_one_image_and_keeps_its_label(case):
    image, label, other, their, inside = case
    mixed, known, guess = _paste(*case)
    for k, (first, second) in enumerate([(image, other), (other, image)]):
        for b in range(len(image)):
            own = mixed[k * len(image) + b]
            assert torch.equal(own[:, inside], second[b][:, inside])
            assert torch.equal(own[:, ~inside], first[b][:, ~inside])
    whole = torch.cat([label, label]), torch.cat([their, their])
    from_image = torch.stack([~inside, inside]).repeat_interleave(len(image), 0)
    assert torch.equal(known, torch.where(from_image, whole[0], -1))
    assert torch.equal(guess, torch.where(from_image, -1, whole[1]))


def test_inputs_have_gaps_of_their_own_and_boxes_inside():
    for image, label, _, their, inside in _inputs():
        assert len(image) > 1 and (label == -1).any() and (their == -1).any()
        assert inside.any() and not inside.all()


def by_slices(image, label, other, their, inside):
    mixed, known = torch.cat([image, other]), torch.cat([label, torch.full_like(label, -1)])
    guess = torch.cat([torch.full_like(their, -1), their])
    n = len(image)
    mixed[:n, :, inside], mixed[n:, :, inside] = other[:, :, inside], image[:, :, inside]
    known[:n, inside], known[n:, inside] = -1, label[:, inside]
    guess[:n, inside], guess[n:, inside] = their[:, inside], -1
    return [mixed, known, guess]


def test_other_right_answers():
    assert check(NAME, by_slices)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda *each: _paste(*each)[:2], "Return all three"),
        (lambda *each: torch.zeros(3), "Return all three"),
        (lambda *each: 5, "Return all three"),
        (lambda *each: (*_paste(*each)[:2], "guess"), "Numbers are expected"),
        (lambda *each: (*_paste(*each)[:2], _paste(*each)[2][:, None]), "`guess`: The shape (4, 6, 7)"),
        (lambda *each: (_paste(*each)[0][:, 0], *_paste(*each)[1:]), "`mixed`: The shape (4, 1, 6, 7)"),
        (lambda *each: tuple(torch.zeros_like(x) for x in _paste(*each)), "yours gives"),
        (lambda *each: (_paste(*each)[0].double(), *_paste(*each)[1:]), FLOATS),
        (lambda *each: tuple(np.asarray(x) for x in _paste(*each)), FLOATS),
        (lambda image, label: (image, label, label), "TypeError"),
        ("paste", "without calling it"),
    ],
    ids=[
        "two",
        "tensor",
        "number",
        "text",
        "guess",
        "mixed",
        "zeros",
        "double",
        "arrays",
        "two in",
        "string",
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


def test_nothing_and_a_part_of_nothing_are_no_answer():
    for answer in (lambda *each: None, lambda *each: (*_paste(*each)[:2], ...)):
        assert check(NAME, answer).hint.startswith("`torch.where` takes each pixel")
    assert len(MISTAKES) == 9
