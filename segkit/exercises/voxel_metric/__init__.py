"""Checks of the chapter on voxel metric learning."""

from segkit.exercises.voxel_metric import (  # noqa: F401, I001  they register their checks, in this order
    gathering,
    memory,
    band,
    tangent,
    collapse,
    mining,
    report,
)
