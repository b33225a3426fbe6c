"""Checks of the chapter on global binary masks."""

from segkit.exercises.mask_prior import (  # noqa: F401, I001  they register their checks, in this order
    constant,
    gain,
    balls,
    occurrence,
    widening,
    outline,
    controls,
)
