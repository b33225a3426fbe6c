"""Answers of several parts: each is judged by itself, named in its hints, and missing until it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from segkit.exercises.judging import Hint, Unanswered, numbers, same


def parts(answer: Any, *names: str) -> tuple[Any, ...]:
    """The parts of an answer, as many as there are names.

    Raises:
        Unanswered: one of them is `...` still.
        Hint: there are more or fewer.

    Example:
        >>> parts([1, 2], "first", "second")
        (1, 2)
    """
    wanted = Hint(f"Pass all parts to check(): ({', '.join(names)}).")
    try:
        found = tuple(answer)
    except TypeError:
        raise wanted from None
    if isinstance(answer, str | Mapping) or len(found) != len(names):
        raise wanted
    if any(each is None or each is Ellipsis for each in found):
        raise Unanswered
    return found


@contextmanager
def part(name: str) -> Iterator[None]:
    """Put the name of a part before every hint that is raised inside."""
    try:
        yield
    except Unanswered:
        raise
    except Hint as hint:
        raise Hint(f"`{name}`: {hint}") from hint.__cause__


def judge_predictions(
    predicted: Any,
    right: Mapping[str, float | tuple[float, ...]],
    questions: Mapping[str, Mapping[float | tuple[float, ...] | None, str]],
    *,
    tolerance: float = 1e-2,
) -> None:
    """Whether numbers that a reader predicted, under names, are right.

    Args:
        predicted: name → number, or several.
        right: what they should be.
        questions: name → what to ask those who predicted a certain wrong value; None → what to ask others,
            who are told that theirs is wrong.
        tolerance: largest difference, relative to the largest number of a name.

    Raises:
        Unanswered: one is `...` still.
        Hint: the first that is wrong, or what is predicted has another form.
    """
    if predicted is None or predicted is Ellipsis:
        raise Unanswered
    if not isinstance(predicted, Mapping) or set(predicted) != set(right):
        raise Hint(f"A dictionary with the keys {', '.join(map(repr, right))} is expected.")
    given = {name: _numbers(name, predicted[name], np.shape(wanted)) for name, wanted in right.items()}
    for name, value in given.items():
        if same(value, numbers(right[name]), tolerance):
            continue
        asked = dict(questions.get(name, {}))
        otherwise = asked.pop(None, "")
        for wrong, question in asked.items():
            if same(value, numbers(wrong), tolerance):
                raise Hint(question)
        shown = ", ".join(f"{each:.4g}" for each in value.flat)
        told = f"For {name!r}, {shown if value.ndim == 0 else f'({shown})'} is not right."
        raise Hint(f"{told} {otherwise}".strip())


def _numbers(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    each = list(value) if isinstance(value, list | tuple) else [value]
    if any(one is None or one is Ellipsis for one in each):
        raise Unanswered
    found = numbers(value)
    if found.shape != shape:
        count = "one number" if not shape else f"{shape[0]} numbers"
        raise Hint(f"For {name!r} {count} should be given.")
    return found
