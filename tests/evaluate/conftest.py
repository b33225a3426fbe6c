"""Masks of which the answer is known, and random ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest


def _ball(shape: tuple[int, ...], centre_mm, radius_mm: float, spacing_mm) -> np.ndarray:
    grid = np.indices(shape).reshape(len(shape), -1).T * np.array(spacing_mm)
    return (np.linalg.norm(grid - np.array(centre_mm), axis=1) <= radius_mm).reshape(shape)


def _blob(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """A random mask of smooth pieces, never empty."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.2)
    return noise > np.quantile(noise, 0.8)


@pytest.fixture(scope="session")
def ball() -> Callable[..., np.ndarray]:
    """`ball(shape, centre_mm, radius_mm, spacing_mm)`."""
    return _ball


@pytest.fixture(scope="session")
def blob() -> Callable[[int, tuple[int, ...]], np.ndarray]:
    """`blob(seed, shape)`."""
    return _blob
