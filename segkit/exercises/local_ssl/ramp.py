"""Where strided convolutions centre their features, found with a ramp, and what a mirror makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import compare
from segkit.exercises.local_ssl.room import ROOM
from segkit.exercises.parts import judge_predictions, part, parts
from segkit.exercises.registry import Wrong, exercise
from segkit.local_ssl import cells_of
from segkit.nets import UNet

Layers = Sequence[tuple[int, int, int]]
Grid = Callable[[Layers], tuple[float, float]]

RIGHT: dict[str, float | tuple[float, ...]] = {
    "as it is": (0, 2, 4, 6),
    "mirrored": (7, 5, 3, 1),
    "one mirrored": (1, 3, 7, 15),
    "both mirrored": (0, 0, 0, 0),
    "kernel 2": (0, 0, 0, 0),
}
"""Features of the ramp 0 … 7, and voxels by which aligned features disagree after 1, 2, 3 and 4 levels."""

QUESTIONS: dict[str, dict[float | tuple[float, ...] | None, str]] = {
    "as it is": {
        (
            0.5,
            2.5,
            4.5,
            6.5,
        ): "Those are the middles of blocks of two. On which voxel is each kernel centred?",
        (1, 3, 5, 7): "The padding puts one zero before the ramp: on which voxel does the first kernel lie?",
        None: "The first kernel covers the padding, voxel 0 and voxel 1, and passes on its middle.",
    },
    "mirrored": {
        (1, 3, 5, 7): "Those are the right numbers, read from the other end: the first feature comes first.",
        (6, 4, 2, 0): "That is the result mirrored, not that of the mirrored ramp.",
        None: "The ramp is now 7, 6, …, 0: which of these are the middles of the four kernels?",
    },
    "one mirrored": {
        (1, 1, 1, 1): "The second level counts cells of the first: half a cell of it is no half voxel.",
        (1, 2, 3, 4): "Each level adds half of its own stride on either side, not the same again.",
        (0.5, 1.5, 3.5, 7.5): "That is the displacement of one view. The other one's points the other way.",
        (2, 4, 8, 16): "Nearly a whole cell, but not quite: what is half of S − 1 on either side?",
        None: "How far before the middle of its block of 2, 4, 8, 16 voxels does a feature lie in each view?",
    },
    "both mirrored": {
        (1, 3, 7, 15): "Both features lie off their points, but to which sides of each other?",
        None: "In two views that are mirrored alike the displacements point the same way.",
    },
    "kernel 2": {None: "What is the middle of two voxels, read from the left and from the right?"},
}


def _grid(
    layers: Layers,
    *,
    pad: bool = True,
    middle: Callable[[int], float] = lambda kernel: (kernel - 1) / 2,
    unit: str = "before",
    order: int = 1,
) -> tuple[float, float]:
    stride, centre = 1.0, 0.0
    for kernel, step, padding in list(layers)[::order]:
        voxels = {"before": stride, "after": stride * step, "one": 1.0}[unit]
        centre += voxels * (middle(kernel) - padding * pad)
        stride *= step
    return stride, centre


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda layers: _grid(layers, **changes), hint)


MISTAKES = {
    "no padding": _mistake(
        "You do not take off the padding: it moves the first kernel to the left of voxel 0.", pad=False
    ),
    "unit after": _mistake(
        "You measure a kernel in cells that it makes; it reaches over those that it reads.", unit="after"
    ),
    "unit one": _mistake(
        "You add cells of different levels as if they were voxels: a kernel of the second level reads cells "
        "of the first.",
        unit="one",
    ),
    "half kernel": _mistake(
        "The middle of k cells with indices 0 … k − 1 is not k / 2.", middle=lambda kernel: kernel / 2
    ),
    "backwards": _mistake("You begin with the last layer: the image is seen by the first one.", order=-1),
    "even": Wrong(
        lambda layers: ((s := _grid(layers)[0]), (s - 1) / 2),
        "You assume that every feature is centred on its block; that is what is in question.",
    ),
    "first voxel": Wrong(
        lambda layers: (_grid(layers)[0], 0.0), "Your centre is 0 for every network, not for kernel 3 alone."
    ),
    "sum of strides": Wrong(
        lambda layers: (float(sum(step for _, step, _ in layers)), _grid(layers)[1]),
        "Strides multiply: every second cell of every second voxel is every fourth voxel.",
    ),
}


def _by_library(layers: Layers) -> tuple[float, float]:
    levels = (4,) * (len(layers) + 1)
    cells = cells_of(UNet(2, 1, 2, levels, down="conv3" if layers[0][0] == 3 else "conv2"), "bottom")
    return float(cells.stride[0]), cells.centre[0]


def _but(name: str, *values: float) -> dict[str, Any]:
    return {**RIGHT, name: values}


@exercise(
    "local_ssl.ramp",
    kind="derive",
    minutes=20,
    start="Write 0 … 7 on paper, and a zero before and behind. Where do the four kernels lie?",
    wrong={
        **{name: Wrong((RIGHT, each.answer), f"`grid`: {each.hint}") for name, each in MISTAKES.items()},
        "library": Wrong((RIGHT, _by_library), "Your function calls `cells_of` of segkit"),
        "blocks": Wrong((_but("as it is", 0.5, 2.5, 4.5, 6.5), _grid), "On which voxel is each kernel"),
        "result mirrored": Wrong((_but("mirrored", 6, 4, 2, 0), _grid), "not that of the mirrored ramp"),
        "one view": Wrong((_but("one mirrored", 0.5, 1.5, 3.5, 7.5), _grid), "The other one's points"),
        "same again": Wrong((_but("one mirrored", 1, 2, 3, 4), _grid), "Each level adds half of its own"),
        "both off": Wrong((_but("both mirrored", 1, 3, 7, 15), _grid), "to which sides of each other"),
    },
)
def check_ramp(answer: Any) -> None:
    predicted, grid = parts(answer, "predicted", "grid")
    with part("predicted"):
        judge_predictions(predicted, RIGHT, QUESTIONS)
    inputs: list[tuple[Layers]] = [
        ([(3, 2, 1)] * 4,),
        ([(2, 2, 0), (2, 2, 0)],),
        ([(3, 1, 1), (3, 2, 1), (2, 2, 0)],),
        ([(7, 2, 3), (3, 1, 0), (5, 3, 1)],),
        ([],),
    ]
    with part("grid"):
        call_by_hand(grid, *inputs[0], room=ROOM)
        compare(grid, _grid, inputs, mistakes=MISTAKES, tolerance=1e-6)
