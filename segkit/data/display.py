"""How a case shows itself in a notebook: a line of facts and its middle slices, as one piece of HTML."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from segkit.data.case import Case

# Okabe and Ito's colours: they stay apart for readers who confuse red and green. The order starts with the
# two that are farthest from grey anatomy.
PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
_SIDE = 168  # pixels of the longer side of a slice
_EDGE = "border:1px solid rgba(128,128,128,.6)"
_RIGHT, _ANTERIOR, _SUPERIOR = range(3)


def case_html(case: Case) -> str:
    """A figure of the case: facts, one slice through the middle of each axis, classes with their colours.

    Text takes the colour of the page and borders are half-transparent grey, so that the figure is legible on
    a light and on a dark ground. Each slice has the proportions that it has in mm and an alternative text.
    """
    slices = "".join(_img(case, *view) for view in _views(case))
    spacing = (
        "unknown" if case.spacing_mm is None else " × ".join(f"{s:.4g}" for s in case.spacing_mm) + " mm"
    )
    facts = {
        "case": case.id if case.group == case.id else f"{case.id} (group {case.group})",
        "shape": " × ".join(map(str, case.shape))
        + (f", {case.image.shape[0]} channels" if len(case.image) > 1 else ""),
        "spacing": spacing,
        "intensity": f"{float(case.image.min()):.4g} to {float(case.image.max()):.4g}",
    }
    line = " · ".join(f"<b>{key}</b> {escape(value)}" for key, value in facts.items())
    return (
        f'<figure style="margin:0;color:inherit">'
        f'<div style="display:flex;flex-wrap:wrap;gap:8px;align-items:flex-end">{slices}</div>'
        f'<figcaption style="color:inherit">{line}<br>{_legend(case)}</figcaption></figure>'
    )


def _legend(case: Case) -> str:
    if case.label is None:
        return "no label"
    chips = []
    for value, name in enumerate(case.classes[1:], start=1):
        share = 100 * float((case.label == value).float().mean())
        colour = PALETTE[(value - 1) % len(PALETTE)]
        chip = (
            f'<span style="display:inline-block;width:.8em;height:.8em;background:{colour};{_EDGE}"></span>'
        )
        chips.append(f"{chip} {value} {escape(name)} ({share:.2g} %)")
    return " ".join(chips)


def _views(case: Case) -> list[tuple[str, tuple[int, int], int | None, tuple[bool, bool]]]:
    """Name, (row axis, column axis), axis that is cut, and which of rows and columns to flip."""
    if len(case.shape) == 2:
        return [("image", (0, 1), None, (False, False))]
    if case.spacing_mm is None:  # no orientation to speak of: show the array as it lies
        others = {0: (1, 2), 1: (0, 2), 2: (0, 1)}
        return [(f"axis {axis}", others[axis], axis, (False, False)) for axis in range(3)]
    # The array axis that runs most along x (right), y (anterior), z (superior), and whether it runs towards
    # it.
    steps = case.affine[:3, :3] / np.linalg.norm(case.affine[:3, :3], axis=0)
    axis_of, towards = _nearest_axes(steps)
    views: list[tuple[str, tuple[int, int], int | None, tuple[bool, bool]]] = []
    for name, down, across, cut in (
        ("axial", _ANTERIOR, _RIGHT, _SUPERIOR),
        ("coronal", _SUPERIOR, _RIGHT, _ANTERIOR),
        ("sagittal", _SUPERIOR, _ANTERIOR, _RIGHT),
    ):
        # Convention of radiology: front or head up; the patient's right, or the front, on the viewer's left.
        flips = (towards[down], towards[across])
        views.append((name, (axis_of[down], axis_of[across]), axis_of[cut], flips))
    return views


def _nearest_axes(steps: NDArray[np.float64]) -> tuple[list[int], list[bool]]:
    axis_of, towards = [0, 0, 0], [True, True, True]
    left = np.abs(steps)
    for _ in range(3):
        world, axis = np.unravel_index(int(left.argmax()), (3, 3))
        axis_of[world], towards[world] = int(axis), bool(steps[world, axis] > 0)
        left[world, :], left[:, axis] = -1, -1
    return axis_of, towards


def _img(case: Case, name: str, axes: tuple[int, int], cut: int | None, flips: tuple[bool, bool]) -> str:
    from PIL import Image

    image, label = case.image[0].numpy(), None if case.label is None else case.label.numpy()
    low, high = np.percentile(image[:: max(1, image.shape[0] // 64)], (1, 99.5))
    if cut is not None:
        middle = image.shape[cut] // 2
        image = np.take(image, middle, axis=cut)
        label = None if label is None else np.take(label, middle, axis=cut)
    rgb = _coloured(((image - low) / max(float(high - low), 1e-6)).clip(0, 1), label)
    if axes[0] > axes[1]:
        rgb = rgb.swapaxes(0, 1)
    rgb = rgb[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1]
    spacing = case.spacing_mm or (1.0,) * len(case.shape)
    height, width = (n * spacing[axis] for n, axis in zip(rgb.shape[:2], axes, strict=True))
    zoom = _SIDE / max(height, width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    png = BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).resize(size, Image.Resampling.BILINEAR).save(png, "PNG")
    alt = f"{name} slice through the middle of {case.id}"
    if case.label is not None:
        alt += f", coloured by class: {', '.join(case.classes[1:])}"
    data = b64encode(png.getvalue()).decode()
    return (
        f'<img src="data:image/png;base64,{data}" alt="{escape(alt, quote=True)}" title="{escape(name)}" '
        f'width="{size[0]}" height="{size[1]}" style="{_EDGE};background:#000">'
    )


def _coloured(grey: NDArray[np.float32], label: NDArray[np.int64] | None) -> NDArray[np.uint8]:
    """A grey slice (0 to 1) with classes laid over it at half strength, shape `(rows, columns, 3)`."""
    rgb = np.repeat(grey[..., None], 3, axis=-1) * 255
    if label is not None:
        palette = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in PALETTE])
        inside = label > 0
        rgb[inside] = 0.5 * rgb[inside] + 0.5 * palette[(label[inside] - 1) % len(PALETTE)]
    return rgb.round().astype(np.uint8)
