"""Cutting one slice out of an image, with what is needed to draw it in its true proportions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segkit.data.case import Case
from segkit.errors import DataError
from segkit.viz.orientation import View, radiological


@dataclass(frozen=True)
class Plane:
    """A slice that is ready to be drawn: turned, with its pixel size and the letters of its edges.

    Attributes:
        pixels: `(rows, columns)` intensities.
        pixel_size: height and width of a pixel, in `unit`.
        unit: "mm" or "pixels".
        view: how the slice was turned; labels must be turned likewise.
        window: the two intensities that are drawn black and white.
        axis: the axis of the volume that is cut across, or None for a 2-D image.
        index: position along that axis.
    """

    pixels: NDArray
    pixel_size: tuple[float, float]
    unit: str
    view: View
    window: tuple[float, float]
    axis: int | None
    index: int

    def cut(self, labels: ArrayLike) -> NDArray:
        """The same slice of a label map of the whole image, turned likewise."""
        array = to_array(labels)
        if self.axis is not None and array.ndim == 3:
            array = array.take(self.index, axis=self.axis)
        turned = self.view.apply(array) if array.ndim == 2 else array
        if turned.shape != self.pixels.shape:
            raise DataError(
                f"the labels give a slice of shape {turned.shape} but the image one of {self.pixels.shape}; "
                "pass labels on the image's grid"
            )
        return turned

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge of the picture in `unit`, rows downwards."""
        rows, columns = self.pixels.shape
        return 0.0, columns * self.pixel_size[1], rows * self.pixel_size[0], 0.0


def to_array(values: Any) -> NDArray:
    """A NumPy view of an array or tensor, wherever the tensor lives."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def default_window(image: ArrayLike) -> tuple[float, float]:
    """The 0.5th and 99.5th percentile of a whole image, so that scrolling never changes the greys."""
    low, high = np.percentile(to_array(image), (0.5, 99.5))
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)


def fullest_slice(labels: ArrayLike, *, axis: int = -1) -> int:
    """The index along `axis` with the most labelled voxels; the middle where nothing is labelled.

    Example:
        >>> labels = np.zeros((4, 4, 9)); labels[1:3, 1:3, 6] = 1
        >>> fullest_slice(labels)
        6
    """
    array = to_array(labels) > 0
    counts = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1).sum(1)
    return int(counts.argmax()) if counts.any() else array.shape[axis] // 2


def make_plane(
    image: Case | ArrayLike,
    *,
    axis: int = -1,
    index: int | None = None,
    channel: int = 0,
    window: tuple[float, float] | None = None,
    spacing_mm: Sequence[float] | None = None,
    affine: ArrayLike | None = None,
) -> Plane:
    """Cut one slice. The arguments are those of `show_slice`."""
    label = None
    if isinstance(image, Case):
        spacing_mm = image.spacing_mm if spacing_mm is None else spacing_mm
        # A set that has lost its spacing has lost its directions with it.
        affine = image.affine if affine is None and spacing_mm is not None else affine
        label = image.label
        volume = to_array(image.image)[channel]
    else:
        volume = to_array(image)
    if volume.ndim not in (2, 3):
        raise DataError(f"show_slice draws images of 2 or 3 axes, not of shape {volume.shape}")
    window = default_window(volume) if window is None else window

    sizes = tuple(spacing_mm) if spacing_mm is not None else (1.0,) * volume.ndim
    unit = "mm" if spacing_mm is not None else "pixels"
    if volume.ndim == 2:
        return Plane(volume, (sizes[0], sizes[1]), unit, View(), window, None, 0)

    if not -3 <= axis < 3:
        raise DataError(f"axis {axis} does not exist; an image of shape {volume.shape} has axes 0, 1 and 2")
    axis %= 3
    if index is None:
        index = volume.shape[axis] // 2 if label is None else fullest_slice(label, axis=axis)
    if not -volume.shape[axis] <= index < volume.shape[axis]:
        raise DataError(f"slice {index} does not exist; axis {axis} has {volume.shape[axis]} slices")
    index %= volume.shape[axis]
    view = radiological(np.asarray(affine, dtype=float), axis) if affine is not None else View()
    in_plane = view.spacing(*(size for a, size in enumerate(sizes) if a != axis))
    return Plane(view.apply(volume.take(index, axis=axis)), in_plane, unit, view, window, axis, index)
