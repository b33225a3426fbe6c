"""Checks of the chapter on loss envelopes."""

from segkit.exercises.loss_envelope import (  # noqa: F401, I001  they register their checks, in this order
    gradient,
    trimming,
    deletion,
    accumulation,
    spread,
    order,
    report,
)
