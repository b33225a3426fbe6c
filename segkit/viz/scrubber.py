"""A slider over pictures that moves without a kernel: in Jupyter, Colab, VS Code, and on a static page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib.resources import files
from itertools import product
from typing import Any

from PIL import Image

from segkit.errors import ConfigError
from segkit.viz.frames import Frame, encode, to_picture
from segkit.viz.look import CARD

BUDGET = 1_400_000
"""Characters that the pictures of one slider may take together."""


@dataclass(frozen=True)
class Scrub:
    """A picture with one slider or several; shows itself in a notebook. Made by `scrub`.

    Attributes:
        draw: what returns the frame of one position of the sliders.
        sliders: name → labels of its positions.
        captions: text under each frame, in row-major order of the sliders.
        alts: what each frame shows, for those who cannot see it.
        start: position of each slider at first.
        live: whether frames are drawn on demand by the kernel that shows the object.
    """

    draw: Callable[[tuple[int, ...]], Any]
    sliders: Mapping[str, tuple[str, ...]]
    captions: tuple[str, ...]
    alts: tuple[str, ...]
    start: tuple[int, ...]
    live: bool = False

    @property
    def positions(self) -> list[tuple[int, ...]]:
        """Every combination of slider positions, the last slider fastest."""
        return list(product(*(range(len(labels)) for labels in self.sliders.values())))

    @cached_property
    def pictures(self) -> list[Image.Image]:
        """Every frame, drawn and brought to one size."""
        return _one_size([to_picture(self.draw(position)) for position in self.positions])

    def html(self) -> str:
        """One self-contained fragment of HTML: it asks the network for nothing."""
        addresses = encode(self.pictures, budget=BUDGET)
        first = self.positions.index(self.start)
        data = {
            "labels": list(self.sliders.values()),
            "start": self.start,
            "frames": addresses,
            "captions": self.captions,
            "alts": self.alts,
        }
        controls = "".join(
            f'<label hidden><span>{escape(name)}</span><input type="range" min="0" max="{len(labels) - 1}" '
            f'step="1" value="{at}" aria-label="{escape(name)}" aria-valuetext="{escape(labels[at])}">'
            f"<output>{escape(labels[at])}</output></label>"
            for (name, labels), at in zip(self.sliders.items(), self.start, strict=True)
        )
        width, height, zoom = _size_on_page(self.pictures[0])
        image = (
            f'<img class="dark-light" src="{addresses[first]}" alt="{escape(self.alts[first])}" '
            f'width="{width}" height="{height}" style="padding:0;background:none;filter:none{zoom}">'
        )
        assets = files("segkit.viz")
        style = (assets / "scrub.css").read_text(encoding="utf-8")
        script = (assets / "scrub.js").read_text(encoding="utf-8")
        packed = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        return (
            f'<div class="segkit-scrub" role="group" aria-label="Figure with sliders">{image}{controls}'
            f"<p>{escape(self.captions[first])}</p>"
            f'<script type="application/json">{packed}</script>'
            f"<style>{style}</style><script>{script}</script></div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The live widget alone, or the static fragment alone: never two controls for one figure."""
        if self.live:
            from segkit.viz.live import kernel_is_live, widget

            if kernel_is_live():
                return widget(self)._repr_mimebundle_()
        return {"text/plain": repr(self), "text/html": self.html()}

    def __repr__(self) -> str:
        sliders = " × ".join(f"{name} ({len(labels)})" for name, labels in self.sliders.items())
        return f"Scrub({sliders})"


def scrub(
    frames: Sequence[Frame] | Mapping[Any, Frame] | Callable[..., Any],
    *,
    alt: str | Sequence[str],
    labels: Sequence[str] | None = None,
    sliders: Mapping[str, Sequence[Any]] | None = None,
    name: str = "frame",
    caption: str | Sequence[str] = "",
    start: Sequence[int] | int = 0,
    interactive: bool = False,
) -> Scrub:
    """Make a slider over frames.

    Args:
        frames: a list of frames; or, with `sliders`, a mapping from a tuple of slider values to a frame, or a
            function of one value per slider that draws a frame. A frame is a figure, a picture, an array or a
            function without arguments (`segkit.viz.frames.to_picture`).
        alt: what is drawn; the position is added. Or one text per frame.
        labels: names of the positions, for a list of frames.
        sliders: name → values, for more than one slider and for functions.
        name: of the only slider, for a list of frames.
        caption: text under the frame; or one text per frame.
        start: position of the slider, or of each slider, at first.
        interactive: for a function: in a live kernel frames are drawn when they are asked for, with
            ipywidgets. Where the environment variable SEGKIT_STATIC is set, as when the book is built, every
            frame is drawn beforehand.

    Raises:
        ConfigError: where frames, labels, captions and sliders do not fit together.
        DataError: when it is shown, for a frame that is no picture, or frames that are too large.

    Example:
        >>> square = lambda k, sigma: np.full((8, 8), k / sigma)
        >>> scrub(square, sliders={"k": [1, 2], "σ": [2, 4, 8]}, alt="A grey square")
        Scrub(k (2) × σ (3))
    """
    draw: Callable[[tuple[int, ...]], Any]
    if sliders is None:
        if callable(frames) or isinstance(frames, Mapping):
            raise ConfigError("scrub needs `sliders`, name → values, for a function or a mapping of frames")
        listed = list(frames)
        values: list[tuple[Any, ...]] = [
            tuple(labels) if labels is not None else tuple(range(1, len(listed) + 1))
        ]
        names = [name]
        if len(values[0]) != len(listed):
            raise ConfigError(f"{len(listed)} frames but {len(values[0])} labels; give one label per frame")
        draw = lambda at: listed[at[0]]  # noqa: E731
    else:
        if labels is not None or isinstance(frames, Sequence):
            raise ConfigError("with `sliders`, give frames as a mapping or a function, and no `labels`")
        names, values = list(sliders), [tuple(v) for v in sliders.values()]
        chosen = lambda at: tuple(v[i] for v, i in zip(values, at, strict=True))  # noqa: E731
        if callable(frames):
            draw = lambda at: frames(*chosen(at))  # noqa: E731
        else:
            mapping = {key if isinstance(key, tuple) else (key,): frame for key, frame in frames.items()}
            lacking = [key for key in product(*values) if key not in mapping]
            if lacking:
                raise ConfigError(
                    f"no frame for {dict(zip(names, lacking[0], strict=True))}; draw every combination"
                )
            draw = lambda at: mapping[chosen(at)]  # noqa: E731
    if not values or not all(values):
        raise ConfigError("scrub needs at least one frame")
    texts = {n: tuple(_label(value) for value in v) for n, v in zip(names, values, strict=True)}
    at = (start,) * len(names) if isinstance(start, int) else tuple(start)
    if len(at) != len(names) or any(not 0 <= i < len(v) for i, v in zip(at, values, strict=False)):
        raise ConfigError(f"start {start!r} is no position of the sliders {names}")
    places = [
        ", ".join(f"{n}: {text}" for n, text in zip(names, p, strict=True)) for p in product(*texts.values())
    ]
    alts = tuple(f"{alt} ({place})" for place in places) if isinstance(alt, str) else tuple(alt)
    captions = (caption,) * len(places) if isinstance(caption, str) else tuple(caption)
    for what, given in (("alternative texts", alts), ("captions", captions)):
        if len(given) != len(places):
            raise ConfigError(
                f"{len(places)} frames but {len(given)} {what}; give one text, or one per frame"
            )
    return Scrub(draw, texts, captions, alts, at, live=interactive and callable(frames))


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _one_size(pictures: list[Image.Image]) -> list[Image.Image]:
    """Put every picture on the middle of a card of the largest size, so that the page does not jump."""
    size = tuple(max(sides) for sides in zip(*(p.size for p in pictures), strict=True))
    out = []
    for picture in pictures:
        card = Image.new("RGB", size, CARD)
        card.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
        card.info["dpi"] = picture.info["dpi"]
        out.append(card)
    return out


def _size_on_page(picture: Image.Image) -> tuple[int, int, str]:
    """Width and height in CSS pixels; a small array is magnified with its pixels kept as squares."""
    scale = 96 / picture.info["dpi"][0]
    zoom = ""
    if picture.width * scale < 240:
        scale, zoom = 360 / picture.width, ";image-rendering:pixelated"
    return round(picture.width * scale), round(picture.height * scale), zoom
