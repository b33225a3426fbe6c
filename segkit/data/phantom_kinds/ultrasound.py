"""A fetal head in 2-D ultrasound: an elliptic skull with speckle, gaps and shadows; "head" is all within.

The outline is bright where the beam meets it squarely and fades where the two run side by side, so that part
of the border has to be completed from the rest. The truth is an exact ellipse. Axes: row, column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .canvas import Canvas, Random, Waves, vary
from .kind import Kind
from .shapes import Array, Points, Shape, curve, ellipsoid, rotation, tube

HEAD = 1
_ROWS, _COLUMNS = 180, 270
_DEEP = 1e3  # the shapes are cylinders: the third axis has no meaning here


def _field_mm(random: Random) -> tuple[float, float]:
    """The sonographer zooms with the growing head: from 60 mm wide early in pregnancy to 220 mm late."""
    width = 60.0 * (220 / 60) ** random.random()
    return width * _ROWS / _COLUMNS, width


def draw(canvas: Canvas, anatomy: Random, noise: Random) -> dict[str, Any]:
    """Paint one examination; x is the depth and y runs along the probe, the origin in the image's middle."""
    height, width = canvas.field_mm
    head, turn, radii = _head(anatomy, height, width)
    centre = (head.low + head.high)[:2] / 2
    x, y = (c[..., 0] for c in canvas.open[:2])
    depth = (x + height / 2) / height

    echo = _tissue(canvas, anatomy, width, head, turn, radii, centre)
    skull, grazed = _skull(canvas, anatomy, head, turn, radii, centre)
    fade = np.exp(-vary(anatomy, 0.9, 0.4) * depth)
    fade = fade * _shadow(canvas, anatomy, width, grazed)
    speckle = _speckle(canvas, noise, width)
    signal = (echo * speckle + 1.6 * skull * (0.6 + 0.4 * speckle)) * fade[..., None]
    signal = signal + 0.004 * _speckle(canvas, noise, width * 0.5)
    # Logarithmic compression, as on every scanner, to 8 bits.
    span, gain = vary(anatomy, 46, 5), vary(anatomy, -5, 3)
    grey = 255 * np.clip(1 + (20 * np.log10(signal + 1e-6) + gain) / span, 0, 1)
    canvas.image[:] = np.round(grey * _window(anatomy, x / width, y / width, canvas)[..., None])
    canvas.paint(head, label=HEAD)
    return {"circumference_mm": _circumference(radii[0], radii[1])}


def _head(random: Random, height: float, width: float) -> tuple[Shape, Points, Points]:
    """The outer border of the skull: an ellipse of random size, place and pose."""
    long = width * random.uniform(0.24, 0.36)
    radii = np.array([long * vary(random, 0.78, 0.035), long, _DEEP])
    turn = rotation(2, vary(random, 0, 22))
    reach = np.sqrt(((turn[:2, :2] * radii[:2]) ** 2).sum(1))
    room = np.maximum(np.array([height, width]) / 2 * 0.97 - reach, 0)
    centre = np.array([*(room * random.uniform(-1, 1, 2)), 0])
    return ellipsoid(centre, radii, turn), turn, radii


def _circumference(a: float, b: float) -> float:
    """Perimeter of an ellipse with the half axes a and b (Ramanujan's second formula, exact to 1e-6 here)."""
    h = ((a - b) / (a + b)) ** 2
    return float(np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h))))


def _tissue(
    canvas: Canvas,
    random: Random,
    width: float,
    head: Shape,
    turn: Points,
    radii: Points,
    centre: Points,
) -> Array:
    """How much each place scatters: womb, fluid, brain with its midline."""

    def place(along: float, across: float) -> Points:
        """A point of the head, in shares of its half axes."""
        return np.array([*centre, 0]) + turn @ (np.array([across, along, 0]) * radii)

    texture = np.exp(0.6 * canvas.field(random, (0.03 * width, 0.25 * width), n=40))
    # Layers of muscle along the probe, bent.
    bend = canvas.field(random, (0.4 * width, width))
    layers = np.exp(0.3 * np.sin(canvas.open[0] * (2 * np.pi / (0.09 * width)) + 4 * bend))
    canvas.image[:] = vary(random, 0.10, 0.035) * texture * layers
    for _ in range(int(random.integers(1, 4))):
        pool = place(*(random.uniform(0.9, 1.5) * v for v in _unit(random)))
        size = width * random.uniform(0.07, 0.2, 2)
        canvas.paint(
            ellipsoid(pool, (*size, _DEEP), rotation(2, random.uniform(0, 180))), 0.006, blur_mm=0.02 * width
        )
    # A bright wall of the womb along the top.
    near = -canvas.field_mm[0] / 2 + width * random.uniform(0.01, 0.06)
    wall = curve([(near, -0.6 * width, 0), (near + 0.02 * width, 0, 0), (near, 0.6 * width, 0)], 7)
    canvas.paint(tube(wall, 0.012 * width, stretch=(1, 1, _DEEP)), 0.4 * texture, blur_mm=0.01 * width)

    scalp = head.grow(0.012 * width)
    canvas.paint(scalp, 0.10 * texture)
    brain = vary(random, 0.040, 0.014) * np.exp(
        0.6 * canvas.field(random, (0.03 * width, 0.14 * width), n=40)
    )
    canvas.paint(head.grow(-0.015 * width), brain)
    inside = head.grow(-0.03 * width)
    midline = np.array(
        [place(-0.85, vary(random, 0, 0.05)), place(0.1, 0), place(0.85, vary(random, 0, 0.05))]
    )
    canvas.paint(tube(midline, 0.004 * width, stretch=(1, 1, _DEEP)), 0.20 * texture, blur_mm=0.006 * width)
    for across in (-0.42, 0.42):
        plexus = place(vary(random, -0.2, 0.15), across + vary(random, 0, 0.08))
        lump = ellipsoid(
            plexus, (0.05 * width, 0.10 * width, _DEEP), turn @ rotation(2, 90 * random.normal())
        )
        canvas.paint(lump & inside, vary(random, 0.11, 0.045), blur_mm=0.02 * width)
        horn = ellipsoid(place(vary(random, 0.3, 0.2), across), (0.03 * width, 0.09 * width, _DEEP), turn)
        canvas.paint(horn & inside, 0.015, blur_mm=0.015 * width)
    return canvas.image.copy()


def _unit(random: Random) -> tuple[float, float]:
    angle = random.uniform(0, 2 * np.pi)
    return float(np.cos(angle)), float(np.sin(angle))


def _skull(
    canvas: Canvas, random: Random, head: Shape, turn: Points, radii: Points, centre: Points
) -> tuple[Array, Array]:
    """Echo of the skull, and where it is grazed by the beam instead of met squarely."""
    canvas.image[:] = 0
    thick = canvas.field_mm[1] * vary(random, 0.015, 0.003)
    canvas.paint(head.shell(thick), 1.0, blur_mm=0.35 * thick)
    ring = canvas.image.copy()
    dx, dy = canvas.open[0] - np.float32(centre[0]), canvas.open[1] - np.float32(centre[1])
    # The normal of the ellipse, up to its length: its part along the beam (x) counts.
    a = (turn[0, 0] * dx + turn[1, 0] * dy) / radii[0] ** 2
    b = (turn[0, 1] * dx + turn[1, 1] * dy) / radii[1] ** 2
    nx, ny = turn[0, 0] * a + turn[0, 1] * b, turn[1, 0] * a + turn[1, 1] * b
    squarely = np.abs(nx) / np.sqrt(nx * nx + ny * ny + 1e-12)
    reach = (0.1 * canvas.field_mm[1], 0.4 * canvas.field_mm[1])
    gaps = np.clip(0.55 + 0.55 * canvas.field(random, reach), 0.06, 1.2)
    return ring * (0.012 + 0.8 * squarely**2.6) * gaps, ring * (1 - squarely)


def _shadow(canvas: Canvas, random: Random, width: float, grazed: Array) -> Array:
    """What lies under a grazed edge of the skull, or under a rib, gets little of the beam."""
    step = abs(float(canvas.affine[0, 0]))
    lost = np.cumsum(grazed[..., 0] ** 2, axis=0) * step / width
    columns = Waves(random, (0.1 * width, 0.5 * width), n=6)(
        np.zeros((1, 1, 1), np.float32), canvas.open[1], np.zeros((1, 1, 1), np.float32)
    )[..., 0]
    return np.exp(-30 * lost) * np.clip(1 + 0.25 * columns, 0.15, None)


def _speckle(canvas: Canvas, noise: Random, width: float) -> Array:
    """Magnitude of many random echoes in one resolution cell (Rayleigh), mean 1; coarser along the probe."""
    from scipy.ndimage import gaussian_filter

    steps = [abs(float(canvas.affine[i, i])) for i in range(2)]
    sigma = [cell * width / step for cell, step in zip((0.0024, 0.0055), steps, strict=True)]
    shape = canvas.shape[:2]
    parts = [gaussian_filter(noise.standard_normal(shape, dtype=np.float32), sigma) for _ in range(2)]
    size = np.sqrt(parts[0] ** 2 + parts[1] ** 2)
    return (size / max(float(size.mean()), 1e-9))[..., None]


def _window(random: Random, x: Array, y: Array, canvas: Canvas) -> Array:
    """The visible part: a fan in half of the images, and black fields where the screen held text."""
    half = canvas.field_mm[0] / canvas.field_mm[1] / 2
    seen = np.ones(np.broadcast_shapes(x.shape, y.shape), np.float32)
    if random.random() < 0.5:
        tip = -half - random.uniform(0.25, 0.6)
        opening = np.deg2rad(random.uniform(33, 44))
        seen *= np.abs(np.arctan2(y, x - tip)) < opening
        seen *= np.hypot(y, x - tip) > -half - tip
    for across, deep in ((-1, -1), (1, -1), (1, 1)):
        if random.random() < 0.5:
            w, h = random.uniform(0.06, 0.2), random.uniform(0.03, 0.09)
            seen[(across * y > 0.5 - w) & (deep * x > half - h)] = 0
    return seen


KIND = Kind(
    classes=("background", "head"),
    shape=(_ROWS, _COLUMNS),
    field_mm=_field_mm,
    axes="RAS",
    draw=draw,
)
