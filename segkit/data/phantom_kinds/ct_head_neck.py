"""Head and neck in CT with the seven organs at risk of OpenKBP, in HU, with a couch outside the body.

Cord, oesophagus, larynx and parotids lie among muscles, vessels and glands of nearly their own brightness.
Places and sizes follow two patients of that set; axes point to the back, the left and the feet, as there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .canvas import Canvas, Random, ct_noise, vary
from .kind import Kind
from .shapes import Array, Points, Shape, column, curve, ellipsoid, half_space, moved, rotation, tube

BRAINSTEM, CORD, RIGHT_PAROTID, LEFT_PAROTID, OESOPHAGUS, LARYNX, MANDIBLE = range(1, 8)


def draw(canvas: Canvas, anatomy: Random, noise: Random) -> dict[str, Any]:
    """Paint one patient: x right, y to the front, z to the head, the second vertebra near the origin."""
    canvas.image[:] = -1000
    size = vary(anatomy, 1.0, 0.05)
    flexion = vary(anatomy, 0, 5)
    canvas.warp(anatomy, 1.8, (60, 140))
    fat = -95 + 12 * canvas.field(anatomy, (10, 30))
    # Muscle bellies with fat between them.
    muscle = vary(anatomy, 52, 4) + np.clip(22 * canvas.field(anatomy, (14, 32)), None, 12)
    cortex = vary(anatomy, 850, 100)
    spine = _spine(anatomy, size, flexion)

    _couch(canvas, anatomy)
    _outline(canvas, anatomy, size, fat, muscle)
    _head(canvas, anatomy, size, cortex, muscle)
    _vertebrae(canvas, anatomy, spine, size, cortex)
    _neck(canvas, anatomy, spine, size, fat)
    _brainstem_and_cord(canvas, anatomy, spine, size)
    _parotids(canvas, anatomy, size, muscle)
    canvas.image[:] = ct_noise(canvas.image, noise, vary(anatomy, 16, 4))
    return {}


def _spine(random: Random, size: float, flexion: float) -> Points:
    """The course of the cord, from the brainstem down."""
    lordosis = vary(random, 0, 3)
    return curve(
        [
            (0, -4, 58 * size),
            (vary(random, 0, 1.5), -13 + lordosis, 15),
            (vary(random, 0, 1.5), -24 + lordosis - flexion, -35),
            (vary(random, 0, 2), -44 - flexion, -85),
            (vary(random, 0, 3), -66 - flexion, -175),
        ],
        19,
    )


def _couch(canvas: Canvas, random: Random) -> None:
    """A carbon board with a foam core under the patient; it is no part of the body and has no label."""
    top = -112 + vary(random, 0, 3)
    board = half_space((0, top, 0), (0, 1, 0)) & half_space((0, top - 18, 0), (0, -1, 0))
    canvas.paint(board, -150.0, (2.5, -930.0))


def _outline(canvas: Canvas, random: Random, size: float, fat: Array, muscle: Array) -> None:
    neck = vary(random, 60, 5) * size
    broad = vary(random, 200, 14) * size
    trunk = column(
        [
            (60, 0, -16, neck, 52),
            (0, 0, -10, neck, 58),
            (-50, 0, -16, neck + 4, 60),
            (-85, 0, -20, 0.6 * broad, 70),
            (-125, 0, -20, broad, 84),
        ],
        power=2.3,
    ) & half_space((0, 0, 70), (0, 0, 1))
    face = column(
        [(-30, 0, 44, 52, 60), (0, 0, 38, 66, 70), (50, 0, 26, 72, 86), (100, 0, 20, 74, 86)], power=2.2
    ) & half_space((0, 30, -20), (0, 0.35, -1))
    cranium = ellipsoid((0, 4, 96 * size), (77 * size, 97 * size, 88 * size))
    skin = trunk | (face & half_space((0, 0, 105), (0, 0, 1))) | cranium
    rind = vary(random, 6, 2)
    canvas.paint(skin, 10.0, (2.0, fat), (rind, muscle))


def _head(canvas: Canvas, random: Random, size: float, cortex: float, muscle: Array) -> None:
    skull = ellipsoid((0, 4, 98 * size), (71 * size, 90 * size, 82 * size))
    base = half_space((0, 0, 56), (0, 0.25, -1))
    canvas.paint(skull & base, cortex)
    brain = skull.grow(-6.5) & base.grow(-7)
    canvas.paint(brain, 34 + 4 * canvas.field(random, (12, 30)))
    # Nose, mouth and throat: air, bone and teeth.
    canvas.paint(ellipsoid((0, 108, 44), (9, 17, 17)), 20.0)
    canvas.paint(ellipsoid((0, 70, 52), (16, 30, 24)), 300.0)
    for side in (-1, 1):
        canvas.paint(ellipsoid((side * 9, 62, 55), (4.5, 30, 18)), -950.0)
        sinus = ellipsoid((side * 30, 62, 52), (16, 17, 18))
        canvas.paint(sinus, 450.0, (2.0, -970.0))
        canvas.paint(ellipsoid((side * 58, -14, 62), (12, 16, 16)), 380 + 420 * canvas.field(random, (6, 14)))
    canvas.paint(ellipsoid((0, 46, 18), (27, 40, 24)), vary(random, 58, 4))
    canvas.paint(
        tube(curve([(0, 18, 60), (0, 17, 20), (0, 22, -12)], 6), [9, 6, 8], stretch=(1.3, 0.7, 1)), -980.0
    )

    # The jaw: an arch with two rami; the teeth above it belong to nobody.
    wide, long = vary(random, 49, 3) * size, vary(random, 92, 4) * size
    low = vary(random, -6, 3)
    arch = curve(
        [(wide, 22, 12), (0.86 * wide, 52, low), (0, long, low), (-0.86 * wide, 52, low), (-wide, 22, 12)], 13
    )
    jaw = tube(arch, 5.5, stretch=(1, 1, 2.0))
    for side in (-1, 1):
        ramus = curve([(side * wide, 24, 8), (side * (wide + 2), 18, 36), (side * (wide + 3), 12, 60)], 4)
        jaw = jaw | tube(ramus, 5.2, stretch=(0.85, 2.4, 1))
        masseter = curve([(side * (wide + 11), 26, 4), (side * (wide + 12), 24, 44)], 3)
        canvas.paint(tube(masseter, 6.5, stretch=(0.8, 2.2, 1)), muscle, blur_mm=1)
        canvas.paint(ellipsoid((side * 26, 24, -8), (10, 14, 12)), vary(random, 42, 6))
    canvas.paint(jaw, cortex + 300, (2.4, 450.0), label=MANDIBLE)
    for z, reach in ((12, 0.86), (24, 0.84)):
        teeth = moved(arch[2:-2] * [reach, 0.94, 0], 0, 0, z)
        canvas.paint(tube(teeth, 4, stretch=(1, 1, 1.4)), vary(random, 1500, 150))
    if random.random() < 0.3:  # a filling
        at = moved(arch[int(random.integers(3, 10))] * [0.85, 0.94, 0], 0, 0, 15)
        canvas.paint(ellipsoid(at, (3, 3, 3)), 3000.0)


def _vertebrae(canvas: Canvas, random: Random, spine: Points, size: float, cortex: float) -> None:
    front = moved(spine[1:], 0, 15 * size, 0)
    canvas.paint(tube(front, 8.5 * size, stretch=(1.4, 1, 1)), 95.0)
    gap = vary(random, 17, 1.5)
    heights = np.arange(48.0, -175.0, -gap)
    for z in heights:
        x, y = (float(np.interp(z, spine[::-1, 2], spine[::-1, i])) for i in (0, 1))
        body = column([(z, x, y + 15 * size, 13 * size, 9.5 * size)], power=2.6)
        slab = half_space((0, 0, z + gap * 0.36), (0, 0.15, 1)) & half_space(
            (0, 0, z - gap * 0.36), (0, -0.15, -1)
        )
        canvas.paint(body & slab, 0.6 * cortex, (2.0, 240 + 60 * float(random.normal())))
        arch = ellipsoid((x, y - 1, z), (14 * size, 12 * size, gap * 0.3))
        spike = tube(np.array([(x, y - 11, z - 2), (x, y - 32 * size, z - 11)]), [4.5, 3.5])
        wings = tube(np.array([(x - 24, y + 2, z - 2), (x + 24, y + 2, z - 2)]), [4.5, 4.5])
        canvas.paint(arch | spike | wings, 0.55 * cortex)
    canvas.paint(tube(spine, 8.2 * size, stretch=(1.2, 1, 1)), 8.0)


def _neck(canvas: Canvas, random: Random, spine: Points, size: float, fat: Array) -> None:
    def before(z: float, mm: float) -> tuple[float, float, float]:
        y = float(np.interp(z, spine[::-1, 2], spine[::-1, 1]))
        return float(np.interp(z, spine[::-1, 2], spine[::-1, 0])), y + mm, z

    top = vary(random, -20, 4)
    canvas.paint(
        tube(np.array([before(top - 6, 47), before(-110, 47)]), 15, stretch=(2.0, 1, 1)), fat, blur_mm=3
    )
    for side in (-1, 1):
        shift = np.array([side * 30, 0, 0])
        carotid = np.array([before(40, 26), before(-30, 30), before(-120, 38)]) + shift
        canvas.paint(tube(carotid, 4.5), vary(random, 48, 5))
        canvas.paint(tube(moved(carotid, side * 9, -3, 0), 5.5), vary(random, 46, 5))
        strap = np.array([(side * 62, -12, 40), (side * 46, 16, -40), (side * 16, 30, -105)])
        canvas.paint(tube(strap, 7.5, stretch=(0.9, 1.3, 1)), vary(random, 56, 3), blur_mm=1)
        lobe = moved(np.array([before(-52, 42), before(-85, 44)]), side * 17, 0, 0)
        canvas.paint(tube(lobe, [6, 8]), vary(random, 85, 15))

    # Larynx: cartilage of uneven calcification round the airway; below it the trachea.
    bottom = top - vary(random, 30, 4)
    upper, lower = np.array(before(top, 42)), np.array(before(bottom, 42))
    box = tube(np.array([upper, lower]), [15 * size, 13 * size], stretch=(1.15, 1.15, 0.6))
    canvas.paint(box, 45.0, label=LARYNX)
    canvas.paint(box.grow(-2) - box.grow(-5), 110 + 90 * canvas.field(random, (8, 20)))
    airway = np.array(
        [moved(upper, 0, -2, 8), (upper + lower) / 2, lower, before(-100, 40), before(-180, 34)]
    )
    canvas.paint(tube(airway[2:], 11.5), 65.0)
    canvas.paint(tube(airway, [6, 3.2, 8.5, 9, 9], stretch=(1, 1.25, 1)), -980.0)

    # Oesophagus: collapsed, between trachea and spine.
    start = bottom - vary(random, 6, 2)
    levels = np.linspace(start, -190, 8)
    lean = vary(random, -4, 3)
    path = np.array([before(float(z), 27) for z in levels]) + np.outer(np.linspace(0.2, 1, 8), [lean, 0, 0])
    radius = vary(random, 5.8, 0.7) * size
    gullet = tube(path, radius, stretch=(1.45, 0.95, 1))
    canvas.paint(gullet, vary(random, 40, 4), label=OESOPHAGUS)
    for _ in range(int(random.integers(0, 3))):
        at = path[int(random.integers(1, 7))]
        canvas.paint(ellipsoid(at, (4, 2.5, random.uniform(6, 14))) & gullet.grow(-2), -700.0)


def _brainstem_and_cord(canvas: Canvas, random: Random, spine: Points, size: float) -> None:
    head = spine[0]
    width = vary(random, 1.0, 0.06) * size
    stem = tube(
        np.array(
            [head, moved(head, 0, 3, 18 * size), moved(head, 0, 6, 33 * size), moved(head, 0, 7, 52 * size)]
        ),
        np.array([8, 9.5, 14, 12]) * width,
        stretch=(1.15, 1, 0.7),
    )
    canvas.paint(stem.grow(4), 14.0)  # the cistern round it
    cerebellum = ellipsoid(moved(head, 0, -34, 20), (46, 27, 22)) - stem.grow(2)
    canvas.paint(cerebellum, 36.0)
    cord: Shape = tube(spine, 5.6 * width, stretch=(1.15, 1, 1)) & half_space(tuple(head), (0, 0, 1))
    canvas.paint(cord, vary(random, 30, 4), label=CORD)
    canvas.paint(stem & half_space(tuple(head), (0, 0, -1)), vary(random, 32, 3), label=BRAINSTEM)


def _parotids(canvas: Canvas, random: Random, size: float, muscle: Array) -> None:
    grease = vary(random, -12, 16)
    radii = np.array([vary(random, 12, 1.3), vary(random, 17, 2), vary(random, 23, 2.5)]) * size
    for side, label in ((1, RIGHT_PAROTID), (-1, LEFT_PAROTID)):
        at = np.array([side * vary(random, 59, 2) * size, vary(random, 9, 3), vary(random, 42, 4)])
        lobe = ellipsoid(at, radii * (1 + 0.05 * random.normal(size=3)), rotation(2, side * 20))
        tail = ellipsoid(moved(at, -side * 4, -6, -20), (9 * size, 11 * size, 14 * size))
        deep = ellipsoid(moved(at, -side * 14, 0, 4), (10 * size, 8 * size, 13 * size))
        behind = tube(np.array([moved(at, -side * 8, -22, 14), moved(at, -side * 2, -20, -40)]), 7.5)
        canvas.paint(behind, muscle, blur_mm=1)
        gland = (lobe | tail | deep) - behind
        canvas.paint(gland, grease + 16 * canvas.field(random, (7, 18)), label=label)


KIND = Kind(
    classes=(
        "background",
        "brainstem",
        "spinal cord",
        "right parotid",
        "left parotid",
        "esophagus",
        "larynx",
        "mandible",
    ),
    shape=(64, 72, 80),
    field_mm=lambda random: (
        292 * (scale := float(random.uniform(0.96, 1.08))),
        324 * scale,
        284.0,
    ),
    axes="PLI",
    draw=draw,
)
