"""The same control with a kernel behind it: frames are drawn when they are asked for."""

from __future__ import annotations

import io
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from segkit.viz.frames import to_picture

if TYPE_CHECKING:
    from segkit.viz.scrubber import Scrub


def kernel_is_live() -> bool:
    """Whether a reader sits before a running kernel that can draw new frames.

    A kernel that executes a notebook for a static page looks like any other from inside. What builds such a
    page sets the environment variable SEGKIT_STATIC.
    """
    if os.environ.get("SEGKIT_STATIC"):
        return False
    try:
        import ipywidgets  # noqa: F401
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


def widget(scrub: Scrub) -> Any:
    """The picture, its sliders and its caption as one ipywidgets box."""
    import ipywidgets

    @lru_cache(maxsize=64)
    def png(position: tuple[int, ...]) -> bytes:
        buffer = io.BytesIO()
        to_picture(scrub.draw(position)).save(buffer, format="PNG")
        return buffer.getvalue()

    order = {position: flat for flat, position in enumerate(scrub.positions)}
    image = ipywidgets.Image(format="png", layout={"max_width": "100%"})
    caption = ipywidgets.Label()
    controls = [
        ipywidgets.SelectionSlider(
            description=name, options=[(text, i) for i, text in enumerate(labels)], value=at
        )
        for (name, labels), at in zip(scrub.sliders.items(), scrub.start, strict=True)
    ]

    def show(_: Any = None) -> None:
        position = tuple(control.value for control in controls)
        image.value = png(position)
        image.alt = scrub.alts[order[position]]
        caption.value = scrub.captions[order[position]]

    for control in controls:
        control.observe(show, "value")
    show()
    return ipywidgets.VBox([image, *controls, caption])
