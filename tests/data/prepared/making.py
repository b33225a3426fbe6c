"""Small cases of noise with two structures."""

from __future__ import annotations

import numpy as np
import torch

from segkit.data import Case

CLASSES = ("background", "a", "b")


def make_case(
    number: int, shape=(10, 9, 8), *, channels: int = 1, spacing=(1.0, 1.5, 2.0), scale=1.0
) -> Case:
    random = np.random.default_rng(number)
    image = torch.from_numpy((random.normal(size=(channels, *shape)) * 100 * scale).astype(np.float32))
    label = torch.zeros(shape, dtype=torch.int64)
    label[2:5, 2:6] = 1
    label[5:7, 3:5] = 2
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0]) if spacing else np.eye(4)
    affine[:3, 3] = number, 2, 3
    return Case(
        image, label, spacing, affine, f"case_{number}", f"patient_{number // 2}", CLASSES, {"phase": "ED"}
    )


def quiet(line: str) -> None:
    """Instead of standard error."""
