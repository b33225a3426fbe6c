"""What a kind of phantom has to say about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .canvas import Canvas, Random


@dataclass(frozen=True)
class Kind:
    """A kind of phantom.

    Attributes:
        classes: names of the label values, as in the real data set that the kind stands in for.
        shape: the usual grid.
        field_mm: what the grid covers, from the patient's random numbers.
        axes: where the voxel axes point ("RAS" …), as in the real data set.
        draw: paints one patient and tells what a real case has in its `meta` (phase, circumference); the
            first generator makes the anatomy, which may not depend on the grid, the second what does (noise).
    """

    classes: tuple[str, ...]
    shape: tuple[int, ...]
    field_mm: Callable[[Random], tuple[float, ...]]
    axes: str
    draw: Callable[[Canvas, Random, Random], Mapping[str, Any]]
