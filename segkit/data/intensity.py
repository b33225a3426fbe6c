"""Intensities on a common scale: z-score, a fixed window, percentiles."""

from __future__ import annotations

import numpy as np
import torch

from segkit.data.case import Case
from segkit.errors import ConfigError


def z_score(case: Case, *, above: float | None = None) -> Case:
    """Shift and scale every channel to mean 0 and standard deviation 1.

    For images whose scale means nothing, such as MR and ultrasound. A channel without contrast becomes 0.

    Args:
        case: any case.
        above: take mean and deviation from voxels brighter than this alone (from tissue, if air is darker);
            all voxels are shifted and scaled. None takes all.

    Raises:
        ConfigError: if no voxel is above `above`.

    Example:
        >>> from segkit.data import phantom
        >>> image = z_score(phantom("hippocampus", 0)).image
        >>> abs(float(image.mean())) < 1e-4, round(float(image.std()), 3)
        (True, 1.0)
    """
    channels = []
    for channel in case.image:
        used = channel if above is None else channel[channel > above]
        if not used.numel():
            raise ConfigError(f"case {case.id}: no voxel is above {above}, so there is nothing to measure")
        # In float64: float32 sums lose digits where the mean is large beside the deviation.
        wide = used.double()
        mean, sd = wide.mean(), wide.std(correction=0)
        flat = bool(sd <= 1e-7 * mean.abs()) or not bool(sd > 0)
        channels.append(torch.zeros_like(channel) if flat else ((channel - mean) / sd).float())
    return case.with_(image=torch.stack(channels))


def window(case: Case, low: float, high: float) -> Case:
    """Clip intensities to `[low, high]` and scale them to `[0, 1]`.

    For images whose scale has a meaning, such as CT: `window(case, -160, 240)` shows soft tissue in HU.

    Raises:
        ConfigError: if `low` is not below `high`.

    Example:
        >>> from segkit.data import phantom
        >>> image = window(phantom("ct_pelvis", 0), -160, 240).image
        >>> float(image.min()), float(image.max())
        (0.0, 1.0)
    """
    if not low < high:
        raise ConfigError(f"a window must run from a lower to a higher intensity, got {low} to {high}")
    return case.with_(image=((case.image - low) / (high - low)).clamp(0, 1))


def percentile(case: Case, low: float = 0.5, high: float = 99.5) -> Case:
    """Clip every channel to two of its own percentiles and scale it to `[0, 1]`.

    Few very bright voxels then do not darken all others. A channel without contrast becomes 0.

    Raises:
        ConfigError: if not 0 ≤ low < high ≤ 100.

    Example:
        >>> from segkit.data import phantom
        >>> image = percentile(phantom("ultrasound", 0)).image
        >>> float(image.min()), float(image.max())
        (0.0, 1.0)
    """
    if not 0 <= low < high <= 100:
        raise ConfigError(f"percentiles must satisfy 0 ≤ low < high ≤ 100, got {low} and {high}")
    channels = []
    for channel in case.image:
        # NumPy, because torch.quantile refuses more than 16 million elements.
        bottom, top = (float(v) for v in np.percentile(channel.numpy(), (low, high)))
        flat = not top > bottom
        channels.append(
            torch.zeros_like(channel) if flat else ((channel - bottom) / (top - bottom)).clamp(0, 1)
        )
    return case.with_(image=torch.stack(channels))
