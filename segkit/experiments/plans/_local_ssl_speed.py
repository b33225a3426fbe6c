"""How soon fine-tuning arrives: updates until the Dice of watched cases is a share of a final value."""

from __future__ import annotations

from collections.abc import Iterable

from segkit.errors import DataError
from segkit.experiments.records import Record, canonical


def updates_to(record: Record, *, goal: float) -> float | None:
    """Updates until a run's watched Dice first reaches a goal, read off between two looks.

    Args:
        record: a run of a plan with watched cases.
        goal: a Dice.

    Returns:
        None if it never does; before the first look the curve is taken to start at 0.

    Raises:
        DataError: the run watched no cases.
    """
    before = (0.0, 0.0)
    for update, dice in _curve(record):
        if dice >= goal:
            share = (goal - before[1]) / (dice - before[1]) if dice > before[1] else 1.0
            return before[0] + max(0.0, share) * (update - before[0])
        before = (float(update), dice)
    return None


def arrivals(records: Iterable[Record], *, baseline: str, share: float = 0.95) -> list[dict[str, object]]:
    """For every run, how soon it reaches what the baseline of the same draw ends with, times a share.

    The goal is that of the baseline for all arms of a draw: an arm that ends lower is not rewarded by a lower
    goal of its own.

    Returns:
        `{arm, draw, setting, goal, updates}`; `updates` is None for a run that never arrives.

    Raises:
        DataError: a draw lacks the baseline, or a run watched no cases.
    """
    runs = list(records)
    ends = {_place(run): _curve(run)[-1][1] for run in runs if run["arm"] == baseline}
    rows: list[dict[str, object]] = []
    for run in runs:
        if _place(run) not in ends:
            raise DataError(
                f"draw {run['draw']} at {run['setting']} lacks the arm {baseline!r}: run it first"
            )
        goal = share * ends[_place(run)]
        named = {key: run[key] for key in ("arm", "draw", "setting")}
        rows.append({**named, "goal": goal, "updates": updates_to(run, goal=goal)})
    return rows


def _place(record: Record) -> str:
    return canonical([record["dataset"], record["draw"], record["setting"]])


def _curve(record: Record) -> list[tuple[int, float]]:
    found = record["history"].get("validation")
    if not found:
        raise DataError(
            f"a run of {record['arm']!r} watched no cases: it has no curve of Dice against updates"
        )
    pairs = zip(found["update"], found["dice"], strict=True)
    return [(update, 0.0 if dice is None else dice) for update, dice in pairs]
