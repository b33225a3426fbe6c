"""Learning-rate schedules: pure functions (iteration, iterations) → factor on the learning rate.

A schedule has no state, so a resumed run needs none, and a page can plot it without a network. Options are
bound with `functools.partial(poly, power=2.0)`. `LambdaLR(optimizer, lambda i: poly(i, 500))` is
the same in a plain loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from segkit.errors import ConfigError, unknown_name

Schedule = Callable[[int, int], float]
"""Factor in [0, 1] for update `iteration` (from 0) of `iterations`."""


def constant(iteration: int, iterations: int) -> float:
    """1 throughout.

    Example:
        >>> constant(3, 10)
        1.0
    """
    return 1.0


def linear_warmup(iteration: int, *, warmup: int) -> float:
    """Rise from 1/(warmup + 1) in the first update to 1 in update `warmup`; 1 from there on.

    The first factor is above 0 because an update with learning rate 0 would be wasted.

    Example:
        >>> [linear_warmup(i, warmup=3) for i in range(5)]
        [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return min(1.0, (iteration + 1) / (warmup + 1))


def poly(iteration: int, iterations: int, *, power: float = 0.9, warmup: int = 0) -> float:
    """(1 − t)^power after a linear warm-up, t the share of the remaining updates that is done.

    Power 0.9 is what nnU-Net uses.

    Example:
        >>> round(poly(50, 100), 4)
        0.5359
    """
    return linear_warmup(iteration, warmup=warmup) * (1.0 - _share(iteration, iterations, warmup)) ** power


def cosine(iteration: int, iterations: int, *, floor: float = 0.0, warmup: int = 0) -> float:
    """Half a cosine from 1 down to `floor`, after a linear warm-up.

    Example:
        >>> round(cosine(25, 100), 4), round(cosine(50, 100), 4)
        (0.8536, 0.5)
    """
    half = 0.5 * (1.0 + math.cos(math.pi * _share(iteration, iterations, warmup)))
    return linear_warmup(iteration, warmup=warmup) * (floor + (1.0 - floor) * half)


def one_cycle(
    iteration: int, iterations: int, *, rise: float = 0.3, start: float = 0.04, end: float = 4e-6
) -> float:
    """Cosine from `start` up to 1 over the first `rise` of the run, then cosine down to `end`.

    The super-convergence schedule with the defaults of torch's `OneCycleLR`, which it equals to rounding.

    Args:
        iteration: the update, from 0.
        iterations: updates in all.
        rise: share of the run that climbs, in (0, 1).
        start: factor of the first update.
        end: factor of the last update.

    Example:
        >>> [round(one_cycle(i, 101), 3) for i in (0, 30, 100)]
        [0.04, 1.0, 0.0]
    """
    if not 0.0 < rise < 1.0:
        raise ConfigError(f"one_cycle: rise is {rise}, but it is a share of the run and lies between 0 and 1")
    peak, last = rise * iterations - 1, iterations - 1
    if iteration <= peak:
        return _between(start, 1.0, iteration / peak if peak > 0 else 1.0)
    return _between(1.0, end, (iteration - peak) / (last - peak) if last > peak else 1.0)


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "poly": poly,
    "cosine": cosine,
    "one_cycle": one_cycle,
}


def schedule_named(name: str) -> Schedule:
    """The schedule of that name.

    Raises:
        ConfigError: there is none; the message names the nearest.
    """
    if name not in SCHEDULES:
        raise unknown_name("schedule", name, SCHEDULES)
    return SCHEDULES[name]


def _share(iteration: int, iterations: int, warmup: int) -> float:
    """Part of the updates after the warm-up that is done, in [0, 1]."""
    return min(1.0, max(0, iteration - warmup) / max(1, iterations - warmup))


def _between(low: float, high: float, t: float) -> float:
    """`low` at t = 0, `high` at t = 1, along half a cosine."""
    return high + (low - high) * 0.5 * (1.0 + math.cos(math.pi * t))
