"""A hippocampus in T1-weighted MR, cropped closely: a bent tube, its head "anterior", the rest "posterior".

It is as grey as the amygdala before it and the cortex beside it; only where it meets white matter and fluid
is there a border to see. The two classes look alike: what tells them apart is the place along the tube.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .canvas import Canvas, Random, rician_noise, vary
from .kind import Kind
from .shapes import Array, Points, curve, ellipsoid, half_space, moved, rotation, tube

ANTERIOR, POSTERIOR = 1, 2


def draw(canvas: Canvas, anatomy: Random, noise: Random) -> dict[str, Any]:
    """Paint one side of one patient: y to the front, z to the head, x to the side, which is left or right."""
    size = vary(anatomy, 1.0, 0.05)
    canvas.warp(anatomy, 0.8, (14, 40))
    grey = 0.50 + 0.03 * canvas.field(anatomy, (3, 9))
    white = vary(anatomy, 0.80, 0.03) + 0.03 * canvas.field(anatomy, (6, 20))
    fluid = vary(anatomy, 0.17, 0.03)
    lateral = 1.0 if anatomy.random() < 0.5 else -1.0

    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return lateral * x * size, y * size, z * size

    # Head forward and low, tail back and high, bent towards the middle.
    bend = vary(anatomy, 0, 1.0)
    path = moved(
        curve(
            [
                at(-5.5 - bend, -19, 8.5),
                at(0.5, -14, 5.5),
                at(2.5 + bend, -5, 1.5),
                at(1.5, 5, -2.5),
                at(-1.0, 12, -4.5),
                at(-3.0, 15.5, -4.0),
            ],
            19,
        ),
        *anatomy.normal(0, 1.0, 3),
    )
    radii = np.array([2.5, 3.5, 3.7, 3.8, 4.6, 5.0, 3.4]) * vary(anatomy, 1.0, 0.06) * size
    body = tube(path, radii, stretch=(1.35, 1, 0.92))

    canvas.image[:] = white
    _surroundings(canvas, anatomy, path, radii, grey, fluid, white, lateral)
    canvas.paint(body, grey + vary(anatomy, 0.12, 0.04), (0.8, grey - vary(anatomy, 0.02, 0.02)))
    # Inner structure: dark rim of fluid, bright strands.
    for shift in (-1.2, 1.4):
        strand = moved(path[3:-4], lateral * shift, 0, 0.6)
        canvas.paint(tube(strand, 0.5), 0.50 + 0.16 * float(anatomy.normal()), blur_mm=0.8)
    # The border between the classes: where the head ends, a plane across the tube.
    share = vary(anatomy, 0.62, 0.035)
    k = int(share * (len(path) - 1))
    point, along = path[k], path[k + 1] - path[k]
    canvas.paint(body, label=POSTERIOR)
    along = along * [0.5, 1, 0.5]
    canvas.paint(body & half_space(point, -along), label=ANTERIOR)

    image = np.clip(canvas.image, 0.02, None) * np.exp(0.10 * canvas.field(anatomy, (45, 110), n=4))
    image = rician_noise(image, noise, vary(anatomy, 0.035, 0.01))
    # Scanners of the set disagree by orders of magnitude.
    canvas.image[:] = image * 10 ** anatomy.uniform(2, 4.5)
    return {}


def _surroundings(
    canvas: Canvas,
    random: Random,
    path: Points,
    radii: Points,
    grey: Array,
    fluid: float,
    white: Array,
    lateral: float,
) -> None:
    """Ventricle, cortex, amygdala, brainstem and basal grey matter."""
    head, middle, tail = path[-1], path[9], path[0]
    # Middle of the brain: fluid of the cistern, then the brainstem.
    canvas.paint(ellipsoid(moved(middle, -lateral * 16, -3, 4), (8, 30, 14)), fluid, blur_mm=1)
    canvas.paint(ellipsoid(moved(middle, -lateral * 21, -4, 0), (10.5, 22, 22)), white - 0.1)
    # Cortex below: a folded ribbon, as grey as the hippocampus, across a strip of white matter.
    for k in range(4):
        fold = [
            moved(middle, lateral * (x + 3 * k), y, -11.0 - 1.2 * k + 1.8 * float(random.normal()))
            for x, y in ((-7, -28), (-2, -10), (-3, 6), (-5, 24))
        ]
        canvas.paint(tube(curve(fold, 7), 2.3, stretch=(1.5, 1, 1)), grey, blur_mm=0.6)
        gap = moved(curve(fold, 7), lateral * 2.2, 0, -3.2)
        canvas.paint(tube(gap, 0.9, stretch=(1.5, 1, 1)), fluid + 0.1, blur_mm=0.6)
    # The inner cortex reaches up to the hippocampus and touches it.
    touch = moved(path[6:-2], -lateral * 4.2, 0, -3.0)
    canvas.paint(tube(touch, 2.6), grey, blur_mm=0.8)
    # Basal grey matter above, and the amygdala before and over the head: no gap, no contrast.
    canvas.paint(ellipsoid(moved(middle, -lateral * 3, 10, 15), (9, 16, 7)), grey + 0.06, blur_mm=2)
    canvas.paint(
        ellipsoid(moved(head, lateral * 0.5, 2.8, 5.6), (6.5, 7.5, 5.2), rotation(0, 25)), grey, blur_mm=0.8
    )
    # The horn of the ventricle runs above and outside, wide in some patients.
    wide = abs(vary(random, 1.3, 0.6)) + 0.3
    horn = moved(path[1:-2], lateral * 2.6, 0, 1.0)
    horn = horn + np.outer(np.linspace(3.0, 4.4, len(horn)), [0.55 * lateral, 0, 0.7])
    canvas.paint(tube(horn, [wide, wide * 0.8, wide, wide * 1.3], stretch=(1.3, 1, 1)), fluid, blur_mm=0.6)
    canvas.paint(tube(moved(path, -lateral * 3.2, 0, 3.8), 1.1), fluid + 0.05, blur_mm=0.8)
    canvas.paint(ellipsoid(moved(tail, -lateral * 2, -5, 5), (6, 5, 5)), fluid + 0.05, blur_mm=1)


KIND = Kind(
    classes=("background", "anterior", "posterior"),
    shape=(36, 50, 36),
    field_mm=lambda _: (36.0, 50.0, 36.0),
    axes="RAS",
    draw=draw,
)
