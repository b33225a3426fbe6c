"""Solid shapes in mm as signed functions: negative inside, zero on the surface, about the distance to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Points = NDArray[np.float64]
Point = Sequence[float] | NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shape:
    """A solid: its signed function of x, y, z (mm) and a box that holds it.

    `a | b` is the union, `a & b` the intersection, `a - b` what is left of a, `a.grow(mm)` a with its surface
    moved outwards.
    """

    distance: Callable[[Array, Array, Array], Array]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def __or__(self, other: Shape) -> Shape:
        return Shape(
            lambda x, y, z: np.minimum(self.distance(x, y, z), other.distance(x, y, z)),
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )

    def __and__(self, other: Shape) -> Shape:
        return Shape(
            lambda x, y, z: np.maximum(self.distance(x, y, z), other.distance(x, y, z)),
            np.maximum(self.low, other.low),
            np.minimum(self.high, other.high),
        )

    def __sub__(self, other: Shape) -> Shape:
        return Shape(
            lambda x, y, z: np.maximum(self.distance(x, y, z), -other.distance(x, y, z)), self.low, self.high
        )

    def grow(self, mm: float) -> Shape:
        """The same solid, larger by `mm` (smaller where negative)."""
        return Shape(lambda x, y, z: self.distance(x, y, z) - np.float32(mm), self.low - mm, self.high + mm)

    def shell(self, mm: float) -> Shape:
        """The outermost `mm` of the solid."""
        return self - self.grow(-mm)


def moved(points: Point, x: float, y: float, z: float) -> Points:
    """A point, or a row of points `(N, 3)`, shifted by x, y, z."""
    return np.add(points, (x, y, z))


def rotation(axis: int, degrees: float) -> NDArray[np.float64]:
    """The 3 × 3 matrix that turns about a coordinate axis."""
    angle = np.deg2rad(degrees)
    a, b = (i for i in range(3) if i != axis)
    turn = np.eye(3)
    turn[a, a] = turn[b, b] = np.cos(angle)
    turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
    return turn


def ellipsoid(centre: Point, radii: Point, turn: NDArray[np.float64] | None = None) -> Shape:
    """An ellipsoid, turned about its centre by the matrix `turn`."""
    c = np.asarray(centre, float)
    r = np.asarray(radii, float)
    axes = np.eye(3) if turn is None else turn
    half = np.sqrt(((axes * r) ** 2).sum(1))

    def distance(x: Array, y: Array, z: Array) -> Array:
        d = (x - np.float32(c[0]), y - np.float32(c[1]), z - np.float32(c[2]))
        first: Array = np.float32(0)  # type: ignore[assignment]
        second: Array = np.float32(0)  # type: ignore[assignment]
        for i in range(3):
            column = axes[:, i]
            q = sum(
                (np.float32(column[j] / r[i]) * d[j] for j in range(3) if abs(column[j]) > 1e-9),
                np.float32(0),
            )
            square = q * q
            first = first + square
            second = second + square * np.float32(1 / r[i] ** 2)
        # |q| (|q| − 1) / |q/r| is the distance to first order, also for flat ellipsoids; at the centre the
        # ratio |q| / |q/r| has no limit and is set to the shortest radius.
        norm = np.sqrt(first)
        ratio = (norm + np.float32(1e-6)) / (np.sqrt(second) + np.float32(1e-6 / r.min()))
        return np.asarray((norm - 1) * ratio, np.float32)

    return Shape(distance, c - half, c + half)


def tube(
    points: Points,
    radii: Sequence[float] | NDArray[np.float64] | float,
    *,
    stretch: Point = (1, 1, 1),
) -> Shape:
    """A round tube along a polyline; the radii are spread evenly over its points and run linearly between.

    `stretch` makes the section an ellipse: the tube is that many times wider along x, y, z.
    """
    s = np.asarray(stretch, float)
    path = np.asarray(points, float) / s
    given = np.atleast_1d(np.asarray(radii, float))
    r = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, len(given)), given)
    thick = r[:, None] * s

    def distance(x: Array, y: Array, z: Array) -> Array:
        p = [v / np.float32(k) if k != 1 else v for v, k in zip((x, y, z), s, strict=True)]
        nearest: Array | None = None
        for a, b, ra, rb in zip(path[:-1], path[1:], r[:-1], r[1:], strict=True):
            along = b - a
            unit = along / max(float(along @ along), 1e-9)
            rel = [p[i] - np.float32(a[i]) for i in range(3)]
            t = sum((np.float32(unit[i]) * rel[i] for i in range(3) if unit[i]), np.float32(0))
            t = np.clip(t, 0, 1)
            gap = [rel[i] - np.float32(along[i]) * t if along[i] else rel[i] for i in range(3)]
            d = np.sqrt(gap[0] ** 2 + gap[1] ** 2 + gap[2] ** 2) - (np.float32(ra) + np.float32(rb - ra) * t)
            nearest = d if nearest is None else np.minimum(nearest, d)
        if nearest is None:
            raise ValueError("a tube needs two points")
        return nearest

    ends = path * s
    return Shape(distance, (ends - thick).min(0), (ends + thick).max(0))


def column(levels: Sequence[Sequence[float]], *, power: float = 2.0) -> Shape:
    """An upright solid given level by level: rows of z, centre x, centre y, half width x, half width y (mm).

    `power` 2 makes ellipses, more makes them boxier. The solid goes on beyond the first and the last level.
    """
    table = np.asarray(sorted(map(tuple, levels)), float)

    def distance(x: Array, y: Array, z: Array) -> Array:
        cx, cy, rx, ry = (np.full((1, 1, 1), v, np.float32) for v in table[0, 1:])
        for below, above in pairwise(table):
            risen = np.clip(z - np.float32(below[0]), 0, np.float32(above[0] - below[0]))
            slope = ((above - below) / (above[0] - below[0])).astype(np.float32)
            cx, cy, rx, ry = (
                v + k * risen if k else v for v, k in zip((cx, cy, rx, ry), slope[1:], strict=True)
            )
        u, v = np.abs((x - cx) / rx), np.abs((y - cy) / ry)
        norm = np.sqrt(u * u + v * v) if power == 2 else (u**power + v**power) ** np.float32(1 / power)
        return (norm - 1) * np.minimum(rx, ry)

    centre, half = table[:, 1:3], table[:, 3:5]
    low, high = (centre - half).min(0), (centre + half).max(0)
    return Shape(distance, np.array([*low, -np.inf]), np.array([*high, np.inf]))


def half_space(point: Point, normal: Point) -> Shape:
    """Everything behind the plane through `point`, seen along `normal`."""
    n = np.asarray(normal, float)
    n = n / np.linalg.norm(n)
    offset = float(n @ np.asarray(point, float))

    def distance(x: Array, y: Array, z: Array) -> Array:
        return np.float32(n[0]) * x + np.float32(n[1]) * y + np.float32(n[2]) * z - np.float32(offset)

    return Shape(distance, np.full(3, -np.inf), np.full(3, np.inf))


def curve(points: Sequence[Point], n: int) -> Points:
    """`n` points on a smooth curve through the given ones (natural cubic spline over their chord length)."""
    from scipy.interpolate import CubicSpline

    knots = np.asarray(points, float)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    return np.asarray(CubicSpline(along, knots, bc_type="natural")(np.linspace(0, along[-1], n)))
