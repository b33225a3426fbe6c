from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.exercises import Wrong
from segkit.exercises.judging import Hint, Unanswered, call, compare, letters, numbers

SQUARES = [(np.array([1.0, 2.0]),), (np.array([3.0]),)]
MISTAKES = {"cube": Wrong(lambda x: x**3, "That is the cube.")}


def judged(answer, mistakes=MISTAKES) -> str:
    try:
        compare(answer, lambda x: x**2, SQUARES, mistakes=mistakes)
    except Hint as hint:
        return str(hint)
    return ""


@pytest.mark.parametrize(
    "answer",
    [lambda x: x * x, lambda x: torch.as_tensor(x) ** 2, lambda x: [v * v for v in x], lambda x: x**2 + 1e-7],
    ids=["array", "tensor", "list", "rounding"],
)
def test_a_right_answer_may_have_any_form(answer):
    assert judged(answer) == ""


def test_a_wrong_idea_is_recognised_only_if_it_explains_everything():
    assert judged(lambda x: x * x * x) == "That is the cube."
    assert judged(lambda x: x**3 if len(x) == 2 else x) != "That is the cube."


def test_another_error_names_the_place():
    assert judged(lambda x: x**2 + (x == 2)) == (
        "For an input of shape (2,) yours gives 5 at (1,), expected 4."
    )
    assert "shape (1, 2) where (2,)" in judged(lambda x: x[None] ** 2)
    assert "shape (1,) where (2,)" in judged(lambda x: x[:1] ** 2)
    assert "Numbers are expected, not a dict" in judged(lambda x: {"a": 1})
    assert "expected 4" in judged(lambda x: np.where(x == 2, np.nan, x**2))


def test_an_error_in_the_answer_is_told_not_raised():
    assert judged(lambda x: x.no_such_thing).startswith("Your function raised AttributeError: ")
    assert "without calling it; this is a int" in judged(4)


@pytest.mark.parametrize("value", [None, ...])
def test_nothing_is_no_answer(value):
    with pytest.raises(Unanswered):
        call(lambda: value)


def test_the_answer_cannot_change_what_it_is_compared_with():
    def in_place(x):
        x *= x
        return x

    assert judged(in_place) == ""
    assert SQUARES[0][0].tolist() == [1.0, 2.0]


@given(st.sets(st.sampled_from("ABCD")))
def test_a_choice_in_any_writing(chosen):
    assert letters(chosen, "ABCD") == chosen
    assert letters(", ".join(sorted(chosen)).lower(), "ABCD") == chosen
    assert letters(list(chosen), "ABCD") == chosen


def test_numbers_are_choices_too():
    assert letters({1, 3}, "123") == {"1", "3"}
    assert letters(2, "123") == {"2"}


def test_no_such_choice():
    with pytest.raises(Hint, match="E is none of the choices"):
        letters("AE", "ABCD")
    with pytest.raises(Hint, match="not with a float"):
        letters(1.5, "ABCD")


def test_a_tensor_that_wants_gradients_is_a_number():
    assert numbers(torch.ones(2, requires_grad=True)).tolist() == [1.0, 1.0]
