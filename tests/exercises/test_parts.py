"""Answers of several parts, predictions, and which part a hint is about."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.exercises import chapters
from segkit.exercises.judging import Hint, Unanswered
from segkit.exercises.parts import judge_predictions, part, parts

RIGHT = {"one": 0.5, "two": (0.0, 100.0)}
QUESTIONS = {"two": {(0.0, 1.0): "In which unit?", None: "Of which two?"}}


def test_it_is_no_chapter():
    assert "parts" not in chapters()


def test_any_sequence_has_parts():
    assert parts([1, 2, 3], "a", "b", "c") == (1, 2, 3)
    assert [each.tolist() for each in parts(torch.eye(2), "a", "b")] == [[1, 0], [0, 1]]


@pytest.mark.parametrize("answer", [(1,), (1, 2, 3), 7, lambda: (1, 2), "AB", {"a": 1, "b": 2}])
def test_what_has_not_these_parts(answer):
    with pytest.raises(Hint, match=r"Pass all parts to check\(\): \(a, b\)"):
        parts(answer, "a", "b")


@pytest.mark.parametrize("answer", [(..., 2), (1, ...), (None, 2)])
def test_half_an_answer_is_none(answer):
    with pytest.raises(Unanswered):
        parts(answer, "a", "b")


def test_a_hint_names_its_part_and_silence_stays_silence():
    with pytest.raises(Hint, match="`second`: wrong"), part("second"):
        raise Hint("wrong")
    with pytest.raises(Unanswered), part("second"):
        raise Unanswered


@pytest.mark.parametrize(
    "given",
    [
        RIGHT,
        {"two": [0.4, 100.3], "one": torch.tensor(0.502)},
        {"one": np.float32(0.5), "two": (torch.tensor(0.0), 100)},
        {"one": 0.5, "two": np.array([0, 100])},
    ],
)
def test_right_predictions_in_any_form(given):
    judge_predictions(given, RIGHT, QUESTIONS)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (0.5, r"the keys 'one', 'two'"),
        ({"one": 0.5}, r"the keys 'one', 'two'"),
        ({"one": (0.5, 0.5), "two": (0, 100)}, "'one' one number should"),
        ({"one": 0.5, "two": 100}, "'two' 2 numbers should"),
        ({"one": 0.5, "two": (0, 100, 0)}, "'two' 2 numbers should"),
        ({"one": "half", "two": (0, 100)}, "Numbers are expected, not a str"),
        ({"one": 0.6, "two": (0, 1)}, r"^For 'one', 0.6 is not right\.$"),
        ({"one": 0.5, "two": (0, 1)}, "In which unit?"),
        ({"one": 0.5, "two": (100, 0)}, r"For 'two', \(100, 0\) is not right. Of which two\?$"),
        ({"one": float("nan"), "two": (0, 100)}, "nan is not right"),
    ],
)
def test_other_predictions(given, hint):
    with pytest.raises(Hint, match=hint):
        judge_predictions(given, RIGHT, QUESTIONS)


@pytest.mark.parametrize("given", [..., None, {"one": ..., "two": (0, 1)}, {"one": 1, "two": (..., 1)}])
def test_half_a_prediction_is_none(given):
    with pytest.raises(Unanswered):
        judge_predictions(given, RIGHT, QUESTIONS)
