"""A grid in mm on which shapes are painted with partial volume, and what scanners add to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .shapes import Array, Shape

Random = np.random.Generator

_DIRECTION = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


class Waves:
    """A smooth random field in mm: plane waves of random direction, wavelength and phase; mean 0, sd 1.

    The field is a function of position alone, so that it is the same on every grid.
    """

    def __init__(self, random: Random, wavelength_mm: tuple[float, float], *, n: int = 12) -> None:
        direction = random.normal(size=(n, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        length = random.uniform(*wavelength_mm, size=(n, 1))
        self.k = 2 * np.pi * direction / length
        self.phase = random.uniform(0, 2 * np.pi, n)

    def __call__(self, x: Array, y: Array, z: Array) -> Array:
        """Values at the points of an open grid (three arrays that broadcast to its shape)."""
        shape = np.broadcast_shapes(x.shape, y.shape, z.shape)
        # exp(i k·p) is a product of one factor per axis: a matrix product instead of n passes over the grid.
        factors: list[NDArray[np.complex64] | None] = [None, None, None]
        for i, c in enumerate((x, y, z)):
            axis = next((j for j, size in enumerate(c.shape) if size > 1), i)
            wave = np.exp(1j * np.outer(c.ravel(), self.k[:, i])).astype(np.complex64)
            factors[axis] = wave if factors[axis] is None else factors[axis] * wave
        first, b, last = (np.ones((1, len(self.phase)), np.complex64) if f is None else f for f in factors)
        a = first * np.exp(1j * self.phase).astype(np.complex64)
        plane = (a[:, None] * b[None]).reshape(-1, len(self.phase))
        left = np.concatenate([plane.real, plane.imag], axis=1)
        right = np.concatenate([last.real, -last.imag], axis=1).T * np.float32(np.sqrt(2 / len(self.phase)))
        return (left @ right).reshape(shape)


class Canvas:
    """An image and its label map over a grid in RAS+ mm, painted from back to front.

    Args:
        shape: voxels along the three axes.
        spacing_mm: size of a voxel along the same axes.
        axes: where each voxel axis points, three of R L A P S I, as in nibabel's `aff2axcodes`.
        centre_mm: the point in the middle of the grid.
        field_mm: what the patient's usual grid covers; this grid may cover more or less.
    """

    def __init__(
        self,
        shape: Sequence[int],
        spacing_mm: Sequence[float],
        *,
        axes: str = "RAS",
        centre_mm: Sequence[float] = (0, 0, 0),
        field_mm: Sequence[float] = (),
    ) -> None:
        self.field_mm = tuple(field_mm)
        self.shape = tuple(int(n) for n in shape)
        self.affine = np.eye(4)
        self.affine[:3, :3] = 0
        self.open: list[Array] = [np.zeros((1, 1, 1), np.float32)] * 3
        self.axis_of = [0, 0, 0]
        for axis, code in enumerate(axes):
            world, sign = _DIRECTION[code]
            n, step = self.shape[axis], sign * spacing_mm[axis]
            first = centre_mm[world] - step * (n - 1) / 2
            self.affine[world, axis], self.affine[world, 3] = step, first
            size = [1, 1, 1]
            size[axis] = n
            self.open[world] = (first + step * np.arange(n)).astype(np.float32).reshape(size)
            self.axis_of[world] = axis
        self.points: list[Array] = [np.broadcast_to(c, self.shape) for c in self.open]
        self.margin = 0.0
        self.image = np.zeros(self.shape, np.float32)
        self.label = np.zeros(self.shape, np.uint8)

    def warp(self, random: Random, sd_mm: float, wavelength_mm: tuple[float, float]) -> None:
        """Bend everything painted from now on by a smooth random displacement."""
        fields = [Waves(random, wavelength_mm) for _ in range(3)]
        shift = [np.clip(f(*self.open), -2.5, 2.5) * np.float32(sd_mm) for f in fields]
        self.points = [p + s for p, s in zip(self.points, shift, strict=True)]
        self.margin += 2.5 * sd_mm

    def paint(
        self,
        shape: Shape,
        *values: float | Array | tuple[float, float | Array],
        label: int | None = None,
        blur_mm: float = 0.0,
    ) -> None:
        """Lay a shape over what is there, and thinner layers of it over that.

        A voxel's share of the shape is a ramp over the change of the signed function across it: partial
        volume that suits flat surfaces in any direction on every, also anisotropic, grid.

        Args:
            shape: what to paint.
            values: the tissue's intensity, a number or an array over the whole grid; then pairs of a depth
                below the surface in mm and the intensity from there inwards. Without any, the label alone is
                painted.
            label: class of the voxels whose centre lies inside; None leaves the label map as it is.
            blur_mm: width over which the tissue fades out, beyond the voxel.
        """
        box = self._box(shape, self.margin + blur_mm)
        if box is None:
            return
        f = shape.distance(*(p[box] for p in self.points))
        if label is not None:
            self.label[box][f < 0] = label
        if not values:
            return
        square = np.full_like(f, blur_mm**2 + 1e-12)
        for axis in range(3):
            if f.shape[axis] > 1:
                step = np.diff(f, axis=axis) ** 2
                head, tail = [slice(None)] * 3, [slice(None)] * 3
                head[axis], tail[axis] = slice(0, -1), slice(-1, None)
                square[tuple(head)] += step
                square[tuple(tail)] += step[tuple(tail)]
        reach = np.sqrt(square)
        f /= reach
        for value in values:
            depth, tissue = value if isinstance(value, tuple) else (0.0, value)
            share = np.clip(np.float32(0.5) - (f + np.float32(depth) / reach if depth else f), 0, 1)
            colour = tissue[box] if isinstance(tissue, np.ndarray) else np.float32(tissue)
            self.image[box] += share * (colour - self.image[box])

    def _box(self, shape: Shape, margin: float) -> tuple[slice, slice, slice] | None:
        """Voxels that the shape can touch, or None."""
        box = [slice(0, 0)] * 3
        for world in range(3):
            axis = self.axis_of[world]
            c = self.open[world].ravel()
            voxel = abs(c[1] - c[0]) if len(c) > 1 else 0.0
            inside = (c > shape.low[world] - margin - voxel) & (c < shape.high[world] + margin + voxel)
            where = np.flatnonzero(inside)
            if not len(where):
                return None
            stop = int(where[-1]) + 1
            box[axis] = slice(max(0, min(int(where[0]), stop - 2)), stop)
        return box[0], box[1], box[2]

    def field(self, random: Random, wavelength_mm: tuple[float, float], n: int = 12) -> Array:
        """A smooth random field over the grid: mean 0, sd 1."""
        return Waves(random, wavelength_mm, n=n)(*self.open)


def vary(random: Random, mean: float, sd: float) -> float:
    """A measure of one patient: normal, without the tails beyond two sd."""
    return mean + sd * float(np.clip(random.normal(), -2, 2))


def ct_noise(image: Array, random: Random, sd_hu: float) -> Array:
    """Add noise that neighbours share a little, as after a reconstruction kernel, and stop at −1024 HU."""
    from scipy.ndimage import gaussian_filter

    sigma = 0.6
    noise = gaussian_filter(random.standard_normal(image.shape, dtype=np.float32), sigma, truncate=2.5)
    out = image + noise * np.float32(sd_hu / max(float(noise.std()), 1e-6))
    return np.maximum(out, np.float32(-1024))


def rician_noise(image: Array, random: Random, sd: float) -> Array:
    """The magnitude of a complex signal with normal noise in both parts, as in MRI."""
    real = image + np.float32(sd) * random.standard_normal(image.shape, dtype=np.float32)
    imaginary = np.float32(sd) * random.standard_normal(image.shape, dtype=np.float32)
    return np.sqrt(real * real + imaginary * imaginary)
