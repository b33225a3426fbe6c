"""What checks are made of: running a reader's function on many inputs and recognising a wrong idea."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.exercises.registry import Wrong


class Hint(Exception):
    """An answer is wrong; the message tells the reader why, without giving the answer away."""


class Unanswered(Hint):
    """Nothing has been answered yet."""


def call(answer: Any, *arguments: Any) -> Any:
    """What the reader's function returns; the arguments are copies, so that it may change them.

    Raises:
        Unanswered: it returns nothing, as the stub does.
        Hint: it is no function, or it raises.
    """
    if not callable(answer):
        raise Hint(f"Pass the function itself to check(), without calling it; this is a {_kind(answer)}.")
    try:
        value = answer(*deepcopy(arguments))
    except Exception as error:
        raise Hint(f"Your function raised {type(error).__name__}: {error}") from error
    if value is None or value is Ellipsis:
        raise Unanswered
    return value


def compare(
    answer: Any,
    oracle: Callable[..., Any],
    inputs: Iterable[Sequence[Any]],
    *,
    mistakes: Mapping[str, Wrong],
    tolerance: float = 1e-4,
) -> None:
    """Let a function run on every input and compare it with the right one.

    Args:
        answer: the reader's function.
        oracle: the right function.
        inputs: lists of arguments.
        mistakes: wrong functions; where one of them gives what the reader's gives, its hint is told.
        tolerance: largest difference, relative to the largest right number.

    Raises:
        Hint: the function is wrong. The first input on which it is wrong is told where no mistake fits.
    """
    cases = [tuple(arguments) for arguments in inputs]
    given = [numbers(call(answer, *arguments)) for arguments in cases]
    right = [numbers(oracle(*deepcopy(arguments))) for arguments in cases]
    if all(same(g, r, tolerance) for g, r in zip(given, right, strict=True)):
        return
    for mistake in mistakes.values():
        wrong = [numbers(mistake.answer(*deepcopy(arguments))) for arguments in cases]
        if all(same(g, w, tolerance) for g, w in zip(given, wrong, strict=True)):
            raise Hint(mistake.hint)
    for arguments, g, r in zip(cases, given, right, strict=True):
        if g.shape != r.shape:
            raise Hint(f"Your function returns an array of shape {g.shape} where {r.shape} is expected.")
        if not same(g, r, tolerance):
            at = np.unravel_index(int(np.argmax(~np.isclose(g, r, tolerance, 0))), g.shape) if g.ndim else ()
            where = f" at {tuple(map(int, at))}" if at else ""
            raise Hint(f"For {_short(arguments)} yours gives {g[at]:.4g}{where}, expected {r[at]:.4g}.")


def numbers(value: Any) -> NDArray[np.float64]:
    """A tensor, array, list or number as an array.

    Raises:
        Hint: it is none of these.
    """
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise Hint(f"Numbers are expected, not a {_kind(value)}.") from error


def same(given: NDArray, right: NDArray, tolerance: float) -> bool:
    """Whether two arrays have one shape and the same numbers, NaN being equal to NaN."""
    scale = float(np.max(np.abs(right[np.isfinite(right)]), initial=0.0)) or 1.0
    return given.shape == right.shape and np.allclose(
        given, right, rtol=0, atol=tolerance * scale, equal_nan=True
    )


def letters(answer: Any, allowed: str) -> set[str]:
    """A choice of letters or digits, given as "AD", "A, D", ["A", "D"], {1, 2}, …

    Raises:
        Hint: something else is among them.
    """
    parts = [answer] if isinstance(answer, str | int) else answer
    try:
        chosen = {sign for part in parts for sign in str(part).upper() if sign.isalnum()}
    except TypeError:
        raise Hint(f"Answer with a set of {allowed}, not with a {_kind(answer)}.") from None
    foreign = chosen - set(allowed)
    if foreign:
        raise Hint(f"{', '.join(sorted(foreign))} is none of the choices {allowed}.")
    return chosen


def judge_letters(
    answer: Any, *, wanted: Mapping[str, str], others: Mapping[str, str], one: str, many: str
) -> None:
    """Whether a choice of letters is `wanted`: first what is accused wrongly, then what is missing.

    Args:
        answer: as in `letters`.
        wanted: letter → the question that leads to it, for a reader who does not have it yet.
        others: letter → why it does not belong there.
        one, many: how a hint begins if one letter, or several (`{}`), are missing.

    Raises:
        Hint: the choice is another one.
    """
    chosen = letters(answer, "".join(sorted({*wanted, *others})))
    accused = [reason for key, reason in others.items() if key in chosen]
    if accused:
        raise Hint(" ".join(accused))
    missing = [question for key, question in wanted.items() if key not in chosen]
    if missing:
        begin = one if len(missing) == 1 else many.format(len(missing))
        raise Hint(" ".join([begin, *missing]))


def _kind(value: Any) -> str:
    return type(value).__name__


def _short(arguments: Sequence[Any]) -> str:
    """The arguments on one line; large arrays by their shape."""
    shown = []
    for argument in arguments:
        shape = getattr(argument, "shape", None)
        text = f"an input of shape {tuple(shape)}" if shape is not None else repr(argument)
        shown.append(text if len(text) <= 60 else f"a {_kind(argument)} of length {len(argument)}")
    return ", ".join(shown)
