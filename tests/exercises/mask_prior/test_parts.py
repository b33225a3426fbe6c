"""Answers of two parts, and which of them a hint is about."""

from __future__ import annotations

import pytest
import torch

from segkit.exercises.judging import Hint, Unanswered
from segkit.exercises.mask_prior.parts import pair, part


def test_any_two_are_a_pair():
    assert pair([1, 2], "a", "b") == (1, 2)
    assert [each.tolist() for each in pair(torch.eye(2), "a", "b")] == [[1, 0], [0, 1]]


@pytest.mark.parametrize("answer", [(1,), (1, 2, 3), 7, lambda: (1, 2)])
def test_what_is_no_pair(answer):
    with pytest.raises(Hint, match=r"Pass both to check\(\): \(a, b\)"):
        pair(answer, "a", "b")


@pytest.mark.parametrize("answer", [(..., 2), (1, ...), (None, 2)])
def test_half_an_answer_is_none(answer):
    with pytest.raises(Unanswered):
        pair(answer, "a", "b")


def test_a_hint_names_its_part_and_silence_stays_silence():
    with pytest.raises(Hint, match="`second`: wrong"), part("second"):
        raise Hint("wrong")
    with pytest.raises(Unanswered), part("second"):
        raise Unanswered
