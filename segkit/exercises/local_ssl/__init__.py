"""Checks of the chapter on prior-guided local self-supervision."""

from segkit.exercises.local_ssl import (  # noqa: F401, I001  they register their checks, in this order
    one_expression,
    ramp,
    overlap,
    slopes,
    collapse,
    position,
    silent_load,
)
