"""A short-axis stack of the heart in cine MR: right ventricle, myocardium, left ventricle, with thick slices.

Blood of both ventricles is equally bright, so is fat beside them; the outer wall of the right ventricle is as
thin as a voxel, and the papillary muscles count as left ventricle, as in ACDC. Axes: slice, row, column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .canvas import Canvas, Random, rician_noise, vary
from .kind import Kind
from .shapes import Shape, curve, ellipsoid, half_space, moved, rotation, tube

RIGHT, MYOCARDIUM, LEFT = 1, 2, 3


def draw(canvas: Canvas, anatomy: Random, noise: Random) -> dict[str, Any]:
    """Paint one patient: z from the base (up) to the apex, x to the patient's right, y to the front."""
    size = vary(anatomy, 1.0, 0.09)
    canvas.warp(anatomy, 1.6, (40, 110))
    blood = vary(anatomy, 0.78, 0.07)
    wall = vary(anatomy, 0.27, 0.04)
    _chest(canvas, anatomy, size, wall)
    # 0 at the end of diastole, 1 at the end of systole.
    squeeze = float(anatomy.integers(0, 2)) * 0.8 + 0.2 * float(anatomy.random())
    _heart(canvas, anatomy, size, squeeze, blood, wall)

    image = canvas.image * (1 + 0.06 * canvas.field(anatomy, (5, 14)))
    # The coil lies on the chest: tissue near it is brighter.
    near = np.exp(0.22 * np.clip(canvas.field(anatomy, (180, 400), n=4), -2, 2))
    image = rician_noise(image * near * (1 + 0.004 * canvas.open[1]), noise, vary(anatomy, 0.022, 0.007))
    canvas.image[:] = np.clip(image / np.quantile(image, 0.999), 0, 1)
    return {"phase": "ES" if squeeze > 0.5 else "ED"}


def _chest(canvas: Canvas, random: Random, size: float, wall: float) -> None:
    """Lungs, chest wall, liver and vessels: bright and grey shapes that are no heart."""
    canvas.image[:] = 0.05 + np.maximum(0.02 * canvas.field(random, (6, 20)), -0.04)
    front, side = vary(random, 74, 6), vary(random, 92, 8)
    chest = half_space((0, front, 0), (0.25, 1, 0)) & half_space((-side, 0, 0), (-1, 0.2, 0))
    fat = 0.72 + 0.1 * canvas.field(random, (15, 50))
    outside = ellipsoid((0, 0, 0), (900, 900, 900)) - chest
    canvas.paint(outside, wall + 0.05, (9.0, fat))
    canvas.paint(outside.grow(-32), 0.02)
    for _ in range(5):
        at = (random.uniform(-70, 40), front - random.uniform(0, 6), random.uniform(-40, 40))
        canvas.paint(tube(np.array([at, np.add(at, (14, -4, 60 * random.normal()))]), 4), 0.55)
    organ = vary(random, 0.34, 0.06)
    dome = ellipsoid((vary(random, 42, 14), -vary(random, 78, 8), -30), (90, 46 * size, 70), rotation(2, 14))
    canvas.paint(dome, organ + 0.03 * canvas.field(random, (6, 18)), blur_mm=2)
    for _ in range(6):
        at = (random.uniform(0, 90), random.uniform(-85, -50), random.uniform(-45, 25))
        branch = tube(np.array([at, np.add(at, random.normal(0, 22, 3))]), random.uniform(2.5, 5))
        canvas.paint(branch & dome, 0.62, blur_mm=1)
    spine = ellipsoid((30, -94, 0), (20, 17, 200))
    canvas.paint(spine, 0.15, (3.0, 0.42 + 0.05 * canvas.field(random, (5, 15))))
    aorta = tube(np.array([(-4.0, -66, -90), (2, -64, 90)]), vary(random, 11, 1.2))
    canvas.paint(aorta, 0.15, (1.8, 0.75))


def _heart(canvas: Canvas, random: Random, size: float, squeeze: float, blood: float, wall: float) -> None:
    cavity = (vary(random, 26, 3.5) - 7 * squeeze) * size
    thick = (vary(random, 8.5, 1.7) + 3.5 * squeeze) * size
    long = (vary(random, 78, 6) - 9 * squeeze) * size
    base = vary(random, 30, 4) - 6 * squeeze
    centre = np.array([vary(random, -6, 7), vary(random, 0, 7), base])
    # The axis of the slices is never quite that of the heart.
    tilt = rotation(0, vary(random, 0, 5)) @ rotation(1, vary(random, 0, 5))
    round_ = vary(random, 1.0, 0.05)

    def ventricle(radius: float, depth: float) -> Shape:
        return ellipsoid(centre, (radius * round_, radius / round_, depth), tilt)

    below = half_space(centre, tilt @ (0, 0, 1))
    outer, inner = ventricle(cavity + thick, long), ventricle(cavity, long - 1.3 * thick)

    # The right ventricle lies like a crescent round the septum, at an angle that varies between patients.
    swing = np.deg2rad(vary(random, 22, 14))
    toward = np.array([np.cos(swing), np.sin(swing), 0])
    wide = vary(random, 33, 4) * size * (1 - 0.2 * squeeze)
    seat = centre + toward * (cavity + thick) * vary(random, 0.75, 0.08)
    turn = rotation(2, np.rad2deg(swing) + vary(random, 0, 6)) @ tilt
    right = ellipsoid(seat, (wide, wide * vary(random, 1.15, 0.1), long * 0.86), turn)
    free = (right - outer) & below

    pericardium = (outer | right.grow(3)).grow(vary(random, 5, 2.5)) & below.grow(18)
    canvas.paint(pericardium, 0.12, (1.2, 0.66 + 0.1 * canvas.field(random, (10, 30))))
    # Above the valves: atria and great vessels, as bright as the ventricles and without a label.
    canvas.paint((ventricle(cavity + 6, long) - below).grow(-1), wall, (3.0, blood))
    canvas.paint(right - below - outer, wall, (3.0, blood))

    canvas.paint((right.grow(vary(random, 2.6, 0.5)) - outer) & below, wall)
    canvas.paint(free, blood + 0.04 * canvas.field(random, (8, 25)), label=RIGHT)
    for _ in range(7):  # trabeculae
        start = seat + toward * wide * 0.9 + random.normal(0, 0.5, 3) * [wide, wide, long * 0.4]
        canvas.paint(tube(np.array([start, start - toward * 12]), 2.2) & free, wall + 0.08, blur_mm=1)
    canvas.paint(outer & below, wall + 0.02 * canvas.field(random, (8, 25)), label=MYOCARDIUM)
    canvas.paint(inner & below, blood + 0.04 * canvas.field(random, (8, 25)), label=LEFT)
    for angle in (vary(random, 100, 12), vary(random, 235, 12)):
        direction = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle)), 0])
        foot = centre + direction * cavity * 0.72
        muscle = curve([moved(foot, 0, 0, -0.62 * long), moved(foot, 0, 0, -0.25 * long)], 3)
        canvas.paint(tube(muscle, [vary(random, 5, 0.8), 3]) & inner, wall + 0.04)


KIND = Kind(
    classes=("background", "right ventricle", "myocardium", "left ventricle"),
    shape=(10, 128, 128),
    field_mm=lambda _: (90.0, 200.0, 200.0),
    axes="IPL",
    draw=draw,
)
