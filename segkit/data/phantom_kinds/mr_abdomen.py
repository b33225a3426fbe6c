"""An abdomen in fat-suppressed T2-weighted MR with slices three to six times as thick as pixels are wide.

Liver, kidneys and spleen as in CHAOS. Bowel, stomach and vessels are as bright as kidneys and spleen
and touch them. Axes: left, front, head.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .canvas import Canvas, Random, rician_noise, vary
from .kind import Kind
from .shapes import Array, Shape, column, curve, ellipsoid, half_space, moved, rotation, tube

LIVER, RIGHT_KIDNEY, LEFT_KIDNEY, SPLEEN = 1, 2, 3, 4


def draw(canvas: Canvas, anatomy: Random, noise: Random) -> dict[str, Any]:
    """Paint one patient: x to the right, y to the front, z to the head, the kidneys below the origin."""
    size = vary(anatomy, 1.0, 0.06)
    canvas.warp(anatomy, 3.0, (50, 140))
    muscle = vary(anatomy, 90, 12) + 14 * canvas.field(anatomy, (8, 25))
    bright = vary(anatomy, 620, 40)
    wide, deep = vary(anatomy, 150, 9) * size, vary(anatomy, 96, 8) * size

    skin = column(
        [(-140, 0, 0, wide, deep), (0, 0, 0, wide, deep), (130, 0, 0, wide * 0.93, deep)], power=2.4
    )
    fat = vary(anatomy, 60, 15)
    canvas.image[:] = 4
    canvas.paint(
        skin, fat + 60, (4.0, fat + 8 * canvas.field(anatomy, (6, 20))), (vary(anatomy, 16, 4), muscle)
    )
    inside = column([(0, 0, 12 * size, wide - 28, deep - 34)], power=2.2)
    canvas.paint(inside, fat + 30 + 15 * canvas.field(anatomy, (8, 30)), blur_mm=3)
    _bowel(canvas, anatomy, size, bright, inside)
    _spine(canvas, anatomy, size, muscle, bright)
    _organs(canvas, anatomy, size, bright, inside)

    # Receive coils: brighter near the surface, darker in the middle; the brightest half per cent is cut.
    coil = np.exp(0.22 * np.clip(canvas.field(anatomy, (180, 420), n=4), -2, 2))
    image = rician_noise(canvas.image * coil, noise, vary(anatomy, 14, 4))
    canvas.image[:] = np.round(np.minimum(image, np.quantile(image, 0.995)))
    return {}


def _bowel(canvas: Canvas, random: Random, size: float, bright: float, inside: Shape) -> None:
    """Loops, stomach, gall bladder: bright distractors, dark where there is gas."""
    for _ in range(16):
        at = np.array([random.uniform(-95, 55), random.uniform(10, 62), random.uniform(-130, 20)]) * size
        loop = curve([at, at + random.normal(0, 20, 3), at + random.normal(0, 34, 3)], 5)
        tone = bright * random.uniform(0.35, 1.1) if random.random() < 0.8 else 30.0
        canvas.paint(tube(loop, random.uniform(8, 14)), 150.0, (2.0, tone), blur_mm=1.5)
    stomach = curve([(-60, 0, 70), (-64, 32, 30), (-28, 52, 8), (8, 46, 2)], 7) * size
    canvas.paint(tube(stomach, [26, 24, 17, 11]), 190.0, (4.0, bright * random.uniform(0.2, 1.2)))


def _spine(canvas: Canvas, random: Random, size: float, muscle: Array, bright: float) -> None:
    back = -38 * size
    for side in (-1, 1):
        psoas = np.array([(side * 26, back, 40), (side * 38, back + 2, -140)])
        canvas.paint(tube(psoas, [8, 21]), muscle)
        canvas.paint(tube(np.array([(side * 34, back - 38, -150), (side * 32, back - 38, 140)]), 20), muscle)
    canvas.paint(tube(np.array([(0, back, -160), (0, back, 160)]), 19, stretch=(1.15, 0.95, 1)), 60.0)
    for z in np.arange(-150, 150, 33.0):
        block = column([(z, 0, back, 21, 17)], power=2.5)
        slab = half_space((0, 0, z + 13), (0, 0, 1)) & half_space((0, 0, z - 13), (0, 0, -1))
        canvas.paint(block & slab, 70.0, (2.0, 170 + 25 * float(random.normal())))
    canvas.paint(
        tube(np.array([(0, back - 27, -160), (0, back - 27, 160)]), 7.5, stretch=(1.3, 1, 1)), bright * 1.3
    )
    canvas.paint(tube(np.array([(-9, back + 28, -120), (-7, back + 27, 160)]), 9), vary(random, 90, 30))
    canvas.paint(
        tube(np.array([(16, back + 28, -120), (18, back + 36, 160)]), 10, stretch=(1.2, 0.9, 1)), 210.0
    )


def _organs(canvas: Canvas, random: Random, size: float, bright: float, inside: Shape) -> None:
    shift = random.normal(0, 4, 3)
    # Liver: a large dome on the right, its left lobe before the stomach, cut off obliquely below.
    right = ellipsoid(
        moved(shift, 70 * size, 8, 58), (66 * size, 66 * size, vary(random, 86, 8) * size), rotation(1, -10)
    )
    left = ellipsoid(
        moved(shift, 5, 40, 66), (vary(random, 62, 9) * size, 32 * size, 42 * size), rotation(1, 16)
    )
    under = half_space(moved(shift, 40, 0, vary(random, -8, 6)), (-0.62, 0.05, -0.75))
    liver = (right | left) & under & inside.grow(7)
    parenchyma = vary(random, 310, 35) + 18 * canvas.field(random, (6, 16))

    place = {}
    for side, low in ((1, -22.0), (-1, -10.0)):
        at = np.array([side * 64 * size, -26 * size, low]) + random.normal(0, 4, 3)
        radii = np.array([25, 26, 52]) * size * (1 + 0.06 * random.normal(size=3))
        tilt = rotation(1, side * vary(random, 14, 4)) @ rotation(0, vary(random, 8, 4))
        sinus = ellipsoid(moved(at, -side * 21, 8, 0), (15, 11, 23), tilt)
        place[side] = (ellipsoid(at, radii, tilt), sinus)
    at = np.array([-104 * size, -18 * size, vary(random, 52, 7)])
    body = ellipsoid(at, np.array([21, 42, 50]) * size * (1 + 0.08 * random.normal(size=3)), rotation(2, 24))
    hollow = ellipsoid(moved(at, 34 * size, 12, -6), (29 * size, 40 * size, 60 * size), rotation(2, 24))
    spleen = body - hollow

    canvas.paint(liver, parenchyma, label=LIVER)
    for _ in range(14):  # vessels of the liver belong to it
        start = moved(shift, 40 * size, 6, 40)
        end = start + random.normal(0, 1, 3) * [42, 36, 40]
        middle = (start + end) / 2 + random.normal(0, 6, 3)
        canvas.paint(
            tube(curve([start, middle, end], 5), [4.5, 1.5]) & liver, vary(random, 520, 60), blur_mm=1
        )
    canvas.paint(ellipsoid(moved(shift, 48, 44, -4), (13, 15, 24)), bright * 1.4)
    canvas.paint(spleen, bright * vary(random, 0.98, 0.06) + 15 * canvas.field(random, (6, 20)), label=SPLEEN)
    for side, label in ((1, RIGHT_KIDNEY), (-1, LEFT_KIDNEY)):
        kidney, sinus = place[side]
        canvas.paint(kidney.grow(2.5), 70.0)
        cortex = bright + 40 * canvas.field(random, (7, 16))
        canvas.paint(kidney - sinus, cortex, (8.0, cortex * 0.9 + 60), label=label)
        canvas.paint(sinus & kidney, 150 + 120 * canvas.field(random, (6, 14)), label=0)


KIND = Kind(
    classes=("background", "liver", "right kidney", "left kidney", "spleen"),
    shape=(128, 128, 34),
    field_mm=lambda _: (320.0, 320.0, 262.0),
    axes="LAS",
    draw=draw,
)
