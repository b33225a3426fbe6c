"""How large a run is: the one switch between a page that takes seconds and the full recipe."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from typing import Any

from segkit.errors import unknown_name


@dataclass(frozen=True)
class Scale:
    """The settings that differ between a laptop and a cluster. Code never asks for a scale's name.

    Attributes:
        name: "toy" (seconds on a CPU; what the pages run), "laptop" (minutes on a CPU), "colab" (one T4-class
            GPU) or "full" (the recipe).
        iterations: updates.
        patch: voxels along each spatial axis.
        batch_size: patches in a batch, over all processes.
        workers: threads that prepare batches ahead of the update; 0 prepares them in between.
        precision: "auto" takes the fastest that the device computes natively, see `fastest_precision`.

    Example:
        >>> Scale.named("toy", iterations=20).iterations
        20
    """

    name: str
    iterations: int
    patch: tuple[int, ...]
    batch_size: int
    workers: int = 0
    precision: str = "auto"

    @classmethod
    def named(cls, name: str, **override: Any) -> Scale:
        """The scale of that name, with settings of your own where a data set needs others.

        Args:
            name: a key of `SCALES`.
            **override: attributes of this class.

        Raises:
            ConfigError: the scale or a setting does not exist; the message names the nearest.
        """
        if name not in SCALES:
            raise unknown_name("scale", name, SCALES)
        known = {field.name for field in fields(cls)} - {"name"}
        for setting in override.keys() - known:
            raise unknown_name("setting of a scale", setting, known)
        return replace(SCALES[name], **override)

    @classmethod
    def from_env(cls, **override: Any) -> Scale:
        """The scale that the environment variable `SCALE` names; "toy" where it is not set.

        Args:
            **override: as in `named`.

        Raises:
            ConfigError: the scale or a setting does not exist.
        """
        return cls.named(os.environ.get("SCALE") or "toy", **override)


SCALES = {
    "toy": Scale("toy", iterations=120, patch=(32, 48, 32), batch_size=2),
    "laptop": Scale("laptop", iterations=1_000, patch=(32, 48, 32), batch_size=4, workers=1),
    "colab": Scale("colab", iterations=5_000, patch=(64, 64, 64), batch_size=8, workers=2),
    "full": Scale("full", iterations=50_000, patch=(96, 96, 96), batch_size=16, workers=8),
}
