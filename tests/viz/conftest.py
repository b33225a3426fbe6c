"""Cases for the tests of the figures."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from segkit.data.case import Case


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.fixture
def case() -> Case:
    """A 12 × 10 × 6 image of 1 × 2 × 4 mm voxels that grow to R, A and S, with two boxes as classes."""
    image = torch.arange(12 * 10 * 6, dtype=torch.float32).reshape(1, 12, 10, 6)
    label = torch.zeros(12, 10, 6, dtype=torch.int64)
    label[2:6, 3:7, 1:5] = 1
    label[6:9, 3:7, 2:4] = 2
    affine = np.diag([1.0, 2.0, 4.0, 1.0])
    return Case(image, label, (1.0, 2.0, 4.0), affine, "a", "a", ("background", "head", "tail"))
