"""Steps that are done to every case once, before training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from segkit.data.case import Case
from segkit.errors import ConfigError

Step = Callable[[Case], Case | Sequence[Case]]


def preprocess(cases: Iterable[Case], steps: Sequence[Step]) -> list[Case]:
    """Pass every case through the steps, in order, and keep the results in memory.

    Training then reads tensors and computes nothing twice. The cases that are given do not change.

    Args:
        cases: any number of cases.
        steps: functions of a case that return a case, or several (the slices of a volume).

    Returns:
        The results, in the order of the cases.

    Raises:
        ConfigError: if a step returns something else; the message names the step and the case.

    Example:
        >>> from functools import partial
        >>> from segkit.data import crop_or_pad, phantoms, slices, z_score
        >>> stacks = phantoms("cardiac_short_axis", 2)
        >>> steps = [z_score, partial(slices, axis=0), partial(crop_or_pad, shape=(96, 96))]
        >>> prepared = preprocess(stacks, steps)
        >>> len(prepared), prepared[0].shape
        (20, (96, 96))
    """
    done: list[Case] = []
    for case in cases:
        now = [case]
        for step in steps:
            now = [new for old in now for new in _result(step, old)]
        done += now
    return done


def _result(step: Step, case: Case) -> Sequence[Case]:
    new = step(case)
    several = [new] if isinstance(new, Case) else new
    if isinstance(several, list | tuple) and all(isinstance(one, Case) for one in several):
        return several
    name = getattr(step, "__name__", repr(step))
    raise ConfigError(
        f"step {name} made {type(new).__name__} of case {case.id}: a step must return a Case or several"
    )
