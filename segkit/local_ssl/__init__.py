"""Prior-guided local self-supervision: two views, aligned features, consistency point by point."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "aligning": ["Points", "align", "common_points", "own_points", "true_at"],
        "boxes": ["TwoBoxes"],
        "cells": ["Cells", "cells_of"],
        "cutting": ["cut", "padding"],
        "placing": ["Placement", "shared_box"],
    },
)
