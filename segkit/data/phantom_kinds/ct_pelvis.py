"""A male pelvis in CT: bladder, prostate, rectum and femoral heads, in HU.

Bladder wall, prostate, rectal wall and the muscles of the pelvic floor touch one another and differ by a few
HU, less than the noise: where they end has to be learnt from shape and place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .canvas import Canvas, Random, ct_noise, vary
from .kind import Kind
from .shapes import Array, Shape, column, curve, ellipsoid, half_space, moved, rotation, tube

BLADDER, PROSTATE, RECTUM, FEMUR = 1, 2, 3, 4


def draw(canvas: Canvas, anatomy: Random, noise: Random) -> dict[str, Any]:
    """Paint one patient: x to the right, y to the front, z to the head, the prostate near the origin."""
    size = vary(anatomy, 1.0, 0.05)
    canvas.warp(anatomy, 1.6, (45, 110))
    fat = -100 + 9 * canvas.field(anatomy, (12, 40))
    muscle = vary(anatomy, 55, 4) + 12 * canvas.field(anatomy, (10, 30))
    cancellous = 260 + 70 * canvas.field(anatomy, (8, 20))

    _body(canvas, anatomy, size, fat, muscle)
    _bones(canvas, anatomy, size, cancellous)
    _organs(canvas, anatomy, size, muscle)
    canvas.image[:] = ct_noise(canvas.image, noise, vary(anatomy, 17, 4))
    return {}


def _body(canvas: Canvas, random: Random, size: float, fat: Array, muscle: Array) -> None:
    width, depth = vary(random, 178, 14) * size, vary(random, 112, 10) * size
    rind = vary(random, 22, 7)
    skin = column([(0, 0, 0, width, depth)], power=2.3)
    canvas.paint(skin, 20.0, (2.5, fat))
    canvas.paint(column([(0, 0, -2, width - 1.5 * rind, depth - rind)], power=2.6), muscle)
    # Fat between the muscles, and the fat that fills the cavity of the pelvis.
    for side in (-1, 1):
        seam = curve([(side * 30, 84, 0), (side * 75, 62, 0), (side * 105, 40, 0)], 5)
        canvas.paint(tube(seam, 7, stretch=(1, 1, 14)), fat)
        canvas.paint(ellipsoid((side * 48 * size, -62, -20), (20, 18, 45)), fat)
        vessel = curve([(side * 52, 58, -90), (side * 58, 60, 0), (side * 50, 38, 90)], 6)
        canvas.paint(tube(moved(vessel, 12, 2, 0), 5.5), vary(random, 48, 4))
        canvas.paint(tube(vessel, 5), vary(random, 52, 4))
    cavity = ellipsoid((0, -4, 32), (56 * size, 60 * size, 84))
    canvas.paint(cavity, fat, blur_mm=3)
    bowel = half_space((0, 0, 62), (0, 0, -1)) & cavity.grow(-6)
    canvas.paint(bowel, 25 + 22 * canvas.field(random, (18, 45)))


def _bones(canvas: Canvas, random: Random, size: float, cancellous: Array) -> None:
    apart, height = vary(random, 88, 4) * size, vary(random, 4, 4)
    radius = vary(random, 23.5, 1.4) * size
    tilt = vary(random, 0, 3)
    cortex = vary(random, 750, 80)

    def bone(shape: Shape, thick: float, label: int | None = None) -> None:
        canvas.paint(shape, cortex, (thick, cancellous), label=label)

    for side in (-1, 1):
        x, y, z = side * apart, 6.0, height + side * tilt
        socket = ellipsoid((x, y, z), (radius + 9,) * 3)
        outer = half_space((x + side * 9, y, z - 6), (side, 0.1, -0.35))
        blade = ellipsoid((x + side * 2, y - 8, z + 60), (13, 30, 48), rotation(1, side * 14))
        ischium = ellipsoid((x - side * 22, y - 30, z - 42), (13, 17, 36), rotation(1, -side * 12))
        ramus = tube(
            curve([(x - side * 22, 26, z), (x - side * 52, 50, z - 20), (side * 8, 56, z - 34)], 6), 8
        )
        low = tube(curve([(side * 9, 50, z - 38), (side * 34, 18, z - 62), (side * 58, -20, z - 66)], 6), 7)
        for part in (blade, ischium, ramus, low):
            bone(part, 2.6)
        bone((socket & outer) - ellipsoid((x, y, z), (radius + 2.5,) * 3), 2.5)
        neck = curve([(x, y, z), (x + side * 30, y - 2, z - 24), (x + side * 44, y - 4, z - 42)], 5)
        shaft = tube(np.concatenate([neck, [(x + side * 46, y, z - 130)]]), [14, 14, 15, 17, 20, 15])
        bone(shaft, 4)
        canvas.paint(ellipsoid((x, y, z), (radius + 2.5,) * 3), 40.0)
        head = ellipsoid((x, y, z), (radius,) * 3)
        bone(head, 2.2, FEMUR)
        # Where the neck leaves the head there is bone on both sides: only the head's curve shows the border.
        inside = shaft & half_space((x + side * 14, y, z - 11), (-side, 0, 0.8))
        canvas.paint(inside.grow(-3), cancellous)
    bone(ellipsoid((0, 54, height - 30), (7, 12, 18)), 2.5)
    sacrum = curve([(0, -66, -25), (0, -78, 5), (0, -76, 45), (0, -60, 100)], 8)
    bone(tube(sacrum, [5, 7, 8, 9, 11, 13, 14, 15], stretch=(2.4, 1, 1)), 2.0)


def _organs(canvas: Canvas, random: Random, size: float, muscle: Array) -> None:
    shift = random.normal(0, 2.5, 3)
    # Muscles beside and below: next to the prostate, and as bright.
    for side in (-1, 1):
        canvas.paint(
            ellipsoid((side * 34 * size, -6, -22), (9, 34, 30), rotation(1, side * 18)), muscle, blur_mm=1
        )
        canvas.paint(ellipsoid((side * 50 * size, 8, 10), (9, 40, 42)), muscle, blur_mm=1)

    gland = np.array([vary(random, 24, 3), vary(random, 16.5, 2), vary(random, 19, 3)]) * size
    seat = moved(shift, 0, 0, -10)
    fill = vary(random, 1.0, 0.2)
    dome = np.array([40 * fill, 31 * fill, 27 * fill + 4]) * size
    floor = seat[2] + gland[2] * 0.75
    high = floor + dome[2] * 0.82
    bladder_at = moved(seat, vary(random, 0, 4), 12 + vary(random, 0, 3), 0)
    bladder_at[2] = high
    behind = seat[1] - gland[1]

    # Rectum: along the hollow of the sacrum, pressed against the prostate, of uneven width.
    width = [vary(random, w, 2.5) * size for w in (9, 13, 16, 15, 14)]
    way = [
        (seat[0], behind - 14, -70),
        (seat[0] + vary(random, 0, 2), behind - width[1] - 1.5, -38),
        (seat[0] + vary(random, 0, 3), behind - width[2] - 1.0, -8),
        (vary(random, 0, 8), behind - width[3] - 10, 30),
        (vary(random, 0, 14), behind - width[4] - 10, 58),
    ]
    path = curve(way, 13)
    radii = np.interp(np.arange(13), np.linspace(0, 12, 5), width)
    radii = radii * (1 + 0.12 * np.sin(np.arange(13) * vary(random, 1.3, 0.4) + random.uniform(0, 6)))
    rectum = tube(path, radii, stretch=(1.15, 1, 1)) & half_space((0, 0, 56), (0, 0, 1))
    bladder = ellipsoid(bladder_at, dome, rotation(0, vary(random, -14, 8)))
    vesicles = ellipsoid((seat[0], behind + 6, floor + 7), (27 * size, 6.5, 9), rotation(0, 20))
    prostate = ellipsoid(seat, gland, rotation(0, vary(random, 10, 8)))

    canvas.paint(vesicles, vary(random, 30, 5))
    wall = vary(random, 36, 4)
    stool = 30 + 35 * canvas.field(random, (9, 22))
    canvas.paint(rectum, wall, (3.5, stool), label=RECTUM)
    canvas.paint(bladder - prostate, wall, label=BLADDER)
    urine = vary(random, 8, 5)
    canvas.paint((bladder - prostate.grow(2)).grow(-3.2), urine)
    tissue = vary(random, 42, 4) + 6 * canvas.field(random, (8, 25))
    canvas.paint(prostate - rectum, tissue, label=PROSTATE)

    lumen = rectum.grow(-3.5)
    for _ in range(int(random.integers(0, 4))):
        # Gas rises: it lies in the front part of the lumen.
        at = moved(path[int(random.integers(2, 12))], 0, vary(random, 6, 2), 0)
        canvas.paint(ellipsoid(at, random.uniform(5, 13, 3)) & lumen, -850.0)


KIND = Kind(
    classes=("background", "bladder", "prostate", "rectum", "femoral heads"),
    shape=(64, 64, 64),
    field_mm=lambda _: (256.0, 224.0, 176.0),
    axes="RAS",
    draw=draw,
)
