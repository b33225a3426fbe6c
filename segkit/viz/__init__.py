"""Figures of the book: slices with contours, errors, curves, intervals, and sliders that need no kernel."""

from __future__ import annotations

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "look": ["CARD", "CONTOUR_COLOURS", "INK", "LINE_COLOURS", "WIDTHS", "figure", "style", "use_style"],
        "plane": ["fullest_slice"],
        "slices": ["show_slice"],
        "panels": ["grid"],
        "errors": ["error_overlay"],
        "curves": ["learning_curves"],
        "intervals": ["dot_interval"],
        "frames": ["slice_frames"],
        "scrubber": ["Scrub", "scrub"],
    },
)
