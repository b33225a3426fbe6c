"""Checks of the chapter on coarse-refined consistency and ranked losses."""

from segkit.exercises.coarse_refined import (  # noqa: F401, I001  they register their checks, in this order
    constant,
    moving_average,
    average_precision,
    list_slopes,
    within_and_between,
    copy_paste,
    table,
)
