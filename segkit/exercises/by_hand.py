"""Whether a reader's function does the work itself or hands it to what it is meant to reproduce."""

from __future__ import annotations

import sys
from inspect import CO_OPTIMIZED
from types import FrameType
from typing import Any

from segkit.exercises.judging import Hint, call

_BY_MACHINE = {("torch.autograd", "grad"), ("torch.autograd", "backward")}
_MACHINES = {"torch._functorch.eager_transforms", "torch.nn.grad"}


def call_by_hand(answer: Any, *arguments: Any, room: str, derivatives: bool = False) -> Any:
    """What the reader's function returns, as `call`, unless it calls the library's room of its chapter.

    Every Python function that runs meanwhile is looked at, so that no other name for it and no detour helps.

    Args:
        answer: the reader's function.
        arguments: what it gets; copies, as for `call`.
        room: the package that is to be reproduced, such as "segkit.mask_prior".
        derivatives: whether automatic differentiation is given away as well.

    Raises:
        Hint: it calls the room; or it differentiates automatically where `derivatives` is True.
        Unanswered, Hint: as `call`.

    Example:
        >>> import torch
        >>> from segkit.mask_prior import box_mask
        >>> call_by_hand(box_mask, torch.ones(2, 2), room="segkit.mask_prior")
        Traceback (most recent call last):
        segkit.exercises.judging.Hint: Your function calls `box_mask` of segkit: write it yourself, ...
    """
    lent: list[str] = []

    def look(frame: FrameType, event: str, _: Any) -> None:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if event != "call" or name.startswith(("_", "<")):  # the public name tells the reader more
            return
        if not frame.f_code.co_flags & CO_OPTIMIZED:  # the body of a class: a module is imported, not used
            return
        if f"{module}.".startswith(f"{room}."):
            lent.append(
                f"Your function calls `{name}` of segkit: write it yourself, with the operations of torch."
            )
        elif derivatives and ((module, name) in _BY_MACHINE or module in _MACHINES):
            lent.append("Your function differentiates automatically: derive the formula and write it down.")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        value = call(answer, *arguments)
    finally:
        sys.setprofile(before)
    if lent:
        raise Hint(lent[0])
    return value
