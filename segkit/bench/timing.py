"""Time and memory of operations that are compared, in one process and in alternation."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TypedDict

import torch

from segkit.errors import ConfigError
from segkit.experiments.memory import peak_memory


class Row(TypedDict):
    """One line of `segkit bench NAME --json`; `ratio` = ours / peer, `target` the ratio that is wanted."""

    operation: str
    size: str
    ours_ms: float
    peer: str
    peer_ms: float
    ratio: float
    target: float | None
    ours_peak_mb: float | None
    peer_peak_mb: float | None


@dataclass(frozen=True)
class Timing:
    """The repeats of one operation: each one's wall time in ms, and the peak memory that it added in MiB."""

    repeats_ms: tuple[float, ...]
    peak_mb: float | None

    @property
    def ms(self) -> float:
        """Median of the repeats."""
        return median(self.repeats_ms)


def compare(
    operations: Mapping[str, Callable[[], object]],
    *,
    repeats: int = 11,
    warm_up: int = 2,
    device: str = "cpu",
) -> dict[str, Timing]:
    """Time operations in alternation, so that a slow minute of the machine falls on all of them.

    Every operation runs `warm_up` times untimed, once under the memory meter, then `repeats` times in
    turn with the others; each turn begins with another one. The garbage collector waits while the clock
    runs.

    Args:
        operations: name → function without arguments. What it returns is dropped.
        repeats: timed calls of each, at least 1.
        device: a GPU is synchronised before the clock is read.

    Example:
        >>> import torch
        >>> x = torch.rand(10_000)
        >>> timings = compare({"ours": x.sort, "peer": lambda: sorted(x.tolist())}, repeats=3)
        >>> timings["ours"].ms < timings["peer"].ms
        True
    """
    if repeats < 1 or not operations:
        raise ConfigError(
            f"nothing to time: {len(operations)} operations, {repeats} repeats (one of each at least)"
        )
    synchronise = torch.cuda.synchronize if torch.device(device).type == "cuda" else lambda: None

    def timed(operation: Callable[[], object]) -> float:
        synchronise()
        start = perf_counter()
        operation()
        synchronise()
        return (perf_counter() - start) * 1e3

    peaks: dict[str, float | None] = {}
    for name, operation in operations.items():
        for _ in range(warm_up):
            operation()
        with peak_memory(device) as peak:
            operation()
        peaks[name] = peak.added_mb

    names = list(operations)
    times: dict[str, list[float]] = {name: [] for name in names}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for repeat in range(repeats):
            first = repeat % len(names)
            for name in names[first:] + names[:first]:
                times[name].append(timed(operations[name]))
    finally:
        if collecting:
            gc.enable()
    return {name: Timing(tuple(times[name]), peaks[name]) for name in names}


def bench_row(
    timings: Mapping[str, Timing],
    *,
    operation: str,
    size: str,
    peer: str,
    target: float | None = None,
) -> Row:
    """A row for `segkit bench` from what `compare` measured under the names "ours" and "peer".

    Args:
        operation: what is computed, in the reader's words ("3-D step, forward and backward").
        size: on what ("2 × 1 × 40 × 56 × 40").
        peer: whose implementation stands beside ours ("monai").
        target: the ratio that is wanted, if one was stated beforehand.
    """
    ours, other = timings["ours"], timings["peer"]
    return Row(
        operation=operation,
        size=size,
        ours_ms=ours.ms,
        peer=peer,
        peer_ms=other.ms,
        ratio=ours.ms / other.ms,
        target=target,
        ours_peak_mb=ours.peak_mb,
        peer_peak_mb=other.peak_mb,
    )
