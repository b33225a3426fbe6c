"""What a reader's function costs, seen from outside: how large its arrays are and how many steps it takes."""

from __future__ import annotations

import tracemalloc
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from segkit.exercises.judging import Hint, call


class _TooMany(Exception):
    """More operations than allowed."""


class _Watch(TorchDispatchMode):
    def __init__(self, operations: int) -> None:
        super().__init__()
        self.shape: tuple[int, ...] = ()
        self.left = operations

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.left -= 1
        if self.left < 0:
            raise _TooMany
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, tuple | list) else [result]:
            if isinstance(each, torch.Tensor) and each.numel() > torch.Size(self.shape).numel():
                self.shape = tuple(each.shape)
        return result


def call_within(answer: Any, *arguments: Any, numbers: int, operations: int) -> Any:
    """What the reader's function returns, as `call`, unless it takes more than it should.

    Args:
        answer: the reader's function.
        arguments: what it gets; copies, as for `call`.
        numbers: of the largest tensor that may come up; for each of them NumPy and lists may take 16 bytes.
        operations: on tensors, in all.

    Raises:
        Hint: it takes more, or as `call`.

    Example:
        >>> call_within(lambda x: (x[:, None] * x).sum(), torch.ones(9), numbers=80, operations=9)
        Traceback (most recent call last):
        segkit.exercises.judging.Hint: An array of shape (9, 9) comes up in your function...
    """
    watch = _Watch(operations)

    def watched(*given: Any) -> Any:
        with watch:
            return answer(*given)

    try:
        call(watched if callable(answer) else answer, *arguments)
    except Hint:
        if watch.left < 0:
            raise Hint(
                f"Your function takes more than {operations} operations: it goes through pairs one by one."
            ) from None
        raise
    if torch.Size(watch.shape).numel() > numbers:
        raise Hint(f"An array of shape {watch.shape} comes up in your function; {numbers} numbers do.")
    # A second time, since what the first run imports is not the reader's.
    tracemalloc.start()
    try:
        value = call(answer, *arguments)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak > 16 * numbers:
        raise Hint(f"Your function needs {peak} bytes beside its tensors; {16 * numbers} do.")
    return value
