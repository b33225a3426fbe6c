"""`check`, which a reader calls, and what it answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from segkit.errors import SegkitError
from segkit.exercises.judging import Hint, Unanswered
from segkit.exercises.registry import find

STUB_TEXT = "your answer here"

_LISTENERS: list[list[Result]] = []


class CheckFailed(SegkitError, AssertionError):
    """A wrong answer where the environment variable SEGKIT_CHECK is "strict"."""


@dataclass(frozen=True)
class Result:
    """What `check` found; true where the answer is right.

    Attributes:
        name: of the exercise.
        passed: whether the answer is right.
        hint: what is wrong, empty where nothing is.
    """

    name: str
    passed: bool
    hint: str = ""

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return f"✓ {self.name}: right" if self.passed else f"✗ {self.name}: {self.hint}"

    def _repr_html_(self) -> str:
        # Colours of its own, so that the line is legible on light and dark pages.
        ink, ground, sign = ("#0b4f2f", "#dff2e6", "✓") if self.passed else ("#6b2a00", "#fbe9dc", "✗")
        text = "right" if self.passed else escape(self.hint)
        return (
            f'<div class="segkit-check" style="background:{ground};color:{ink};border-left:4px solid {ink};'
            f'padding:0.4rem 0.7rem;border-radius:0.2rem"><strong>{sign} {escape(self.name)}</strong>: '
            f"{text}</div>"
        )


def check(name: str, answer: Any) -> Result:
    """Tell whether an answer is right and, where it is not, what is wrong.

    A wrong answer is no error: the notebook goes on. Where the environment variable SEGKIT_CHECK is "strict",
    it is one.

    Args:
        name: "<chapter>.<exercise>", as it stands in the notebook.
        answer: a number, an array, a function or a choice, as the exercise says.

    Returns:
        A `Result`, which shows itself in a notebook.

    Raises:
        ConfigError: for an exercise that does not exist.
        CheckFailed: for a wrong answer, in strict mode only.

    Example:
        >>> check("physical_space.volume_ml", lambda label, value, spacing_mm: (label == value).sum())
        ✗ physical_space.volume_ml: That is the number of voxels; each voxel has a volume.
    """
    task = find(name)
    try:
        if _is_stub(answer):
            raise Unanswered
        task.judge(answer)
        result = Result(name, True)
    except Unanswered:
        result = Result(name, False, task.start)
    except Hint as hint:
        result = Result(name, False, str(hint))
    for listener in _LISTENERS:
        listener.append(result)
    if not result and os.environ.get("SEGKIT_CHECK") == "strict":
        raise CheckFailed(repr(result))
    return result


@contextmanager
def collect() -> Iterator[list[Result]]:
    """Gather the results of every `check` inside: for tests, and for teachers who count points.

    Example:
        >>> with collect() as results:
        ...     _ = check("unet.dice_gradient", ...)
        >>> [result.passed for result in results]
        [False]
    """
    results: list[Result] = []
    _LISTENERS.append(results)
    try:
        yield results
    finally:
        # By identity: two empty lists are equal.
        _LISTENERS[:] = [listener for listener in _LISTENERS if listener is not results]


def _is_stub(answer: Any) -> bool:
    return answer is None or answer is Ellipsis or (isinstance(answer, str) and answer.strip() == STUB_TEXT)
