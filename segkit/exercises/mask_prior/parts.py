"""Answers of two parts: each part is judged by itself and named in its hints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from segkit.exercises.judging import Hint, Unanswered

ROOM = "segkit.mask_prior"
"""What a reader is to reproduce; see `call_by_hand`."""


def pair(answer: Any, first: str, second: str) -> tuple[Any, Any]:
    """The two parts of an answer.

    Raises:
        Unanswered: one of them is `...` still.
        Hint: there are not two.
    """
    if callable(answer):
        raise Hint(f"Pass both to check(): ({first}, {second}).")
    try:
        one, two = answer
    except (TypeError, ValueError):
        raise Hint(f"Pass both to check(): ({first}, {second}).") from None
    if any(part is None or part is Ellipsis for part in (one, two)):
        raise Unanswered
    return one, two


@contextmanager
def part(name: str) -> Iterator[None]:
    """Put the name of a part before every hint that is raised inside."""
    try:
        yield
    except Unanswered:
        raise
    except Hint as hint:
        raise Hint(f"`{name}`: {hint}") from hint.__cause__
