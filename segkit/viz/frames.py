"""Pictures for a slider: from a case, and from whatever a page has at hand, to small WebP files."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from segkit.data.case import Case
from segkit.errors import DataError
from segkit.viz.look import CARD, style
from segkit.viz.plane import default_window
from segkit.viz.slices import show_slice

DPI = 144
"""Pixels per inch of a drawn frame: sharp on a screen with 1.5 pixels per point of the page."""

Frame = Figure | Image.Image | NDArray | Callable[[], Any]
"""What may stand for one frame."""

_QUALITIES = (88, 78, 66, 52, 38)
_SHRINK = (1.0, 0.75, 0.55, 0.4)


def slice_frames(
    case: Case,
    *,
    axis: int = -1,
    indices: Iterable[int] | None = None,
    width: float = 4.0,
    **options: Any,
) -> tuple[list[Image.Image], list[str]]:
    """One picture per slice of a case, all with the same window, and the name of each slice.

    Args:
        case: the image, with or without a label.
        axis: the axis that the slider moves along.
        indices: the slices to show; by default all.
        width: of the picture, in inches.
        **options: passed on to `show_slice`.

    Returns:
        RGB pictures of equal size, and labels such as "slice 12 of 35".

    Raises:
        DataError: for an image that has no slices.
    """
    if case.image.ndim != 4:
        raise DataError(f"slice_frames needs a volume; case {case.id} is flat: draw it with show_slice")
    n = case.image.shape[1:][axis]
    indices = range(n) if indices is None else list(indices)
    options.setdefault("window", default_window(case.image[options.get("channel", 0)]))
    frames = []
    with style():
        fig = Figure(figsize=(width, width), layout="constrained")
        canvas = FigureCanvasAgg(fig)
        fig.set_dpi(DPI)
        ax = fig.add_subplot()
        for index in indices:
            ax.clear()
            show_slice(case, axis=axis, index=index, ax=ax, **options)
            canvas.draw()
            frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    pictures = [Image.fromarray(frame) for frame in _trim(frames)]
    for picture in pictures:
        picture.info["dpi"] = (DPI, DPI)
    return pictures, [f"slice {index + 1} of {n}" for index in indices]


def _trim(frames: list[NDArray[np.uint8]], margin: int = 8) -> list[NDArray[np.uint8]]:
    """Cut off the part of the card that is empty in every frame, the same part from each."""
    used = np.any([(frame != frame[0, 0]).any(-1) for frame in frames], axis=0)
    rows, columns = np.flatnonzero(used.any(1)), np.flatnonzero(used.any(0))
    top, left = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
    return [frame[top : rows[-1] + margin, left : columns[-1] + margin] for frame in frames]


def to_picture(frame: Any) -> Image.Image:
    """Any kind of frame as an RGB picture.

    Args:
        frame: a Matplotlib figure, a PIL image, an array `(H, W)`, `(H, W, 3)` or `(H, W, 4)` (uint8, or
            floats in [0, 1]), or a function without arguments that returns one of these.

    Raises:
        DataError: for anything else.
    """
    if isinstance(frame, Figure):
        buffer = io.BytesIO()
        frame.savefig(buffer, format="png", dpi=DPI)
        buffer.seek(0)
        _close(frame)
        return to_picture(Image.open(buffer))
    if isinstance(frame, Image.Image):
        ground = Image.new("RGBA", frame.size, CARD)
        picture = Image.alpha_composite(ground, frame.convert("RGBA")).convert("RGB")
        picture.info["dpi"] = frame.info.get("dpi", (96, 96))
        return picture
    if callable(frame):
        return to_picture(frame())
    array = np.asarray(frame)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] not in (3, 4)):
        raise DataError(
            "a frame is a figure, a picture, or an array (H, W), (H, W, 3) or (H, W, 4); "
            f"got {type(frame).__name__} of shape {array.shape}"
        )
    if array.dtype != np.uint8:
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise DataError("a frame of floats must lie in [0, 1]; apply a window to it first")
        array = np.round(array * 255).astype(np.uint8)
    return to_picture(Image.fromarray(array))


def _close(fig: Figure) -> None:
    """Let go of a figure that pyplot made, so that it is not shown a second time under the cell."""
    import matplotlib.pyplot as plt

    plt.close(fig)


def encode(pictures: Sequence[Image.Image], *, budget: int) -> list[str]:
    """Pictures as WebP data addresses that together stay below a budget.

    The best of lossless, then five qualities, then five qualities of smaller pictures is taken. It is chosen
    on a sample and the same for all frames, so that no frame looks worse than its neighbour.

    Args:
        pictures: the frames.
        budget: characters that all addresses together may take.

    Raises:
        DataError: where not even small pictures of low quality fit.
    """
    sample = pictures[:: max(1, len(pictures) // 5)]
    steps: list[tuple[float, dict[str, Any]]] = [(1.0, {"lossless": True})]
    steps += [(scale, {"quality": quality}) for scale in _SHRINK for quality in _QUALITIES]
    for scale, options in steps:
        if 1.1 * len(pictures) * np.mean([len(_address(p, scale, options)) for p in sample]) > budget:
            continue
        addresses = [_address(picture, scale, options) for picture in pictures]
        if sum(map(len, addresses)) <= budget:
            return addresses
    raise DataError(
        f"{len(pictures)} frames do not fit into {budget / 1e6:.1f} MB; show fewer frames or a smaller part"
    )


def _address(picture: Image.Image, scale: float, options: dict[str, Any]) -> str:
    if scale < 1:
        picture = picture.resize(
            [max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS
        )
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", method=3, **options)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
