"""When trimming starts."""

from __future__ import annotations

from dataclasses import dataclass

from segkit.errors import ConfigError


@dataclass(frozen=True)
class Warmup:
    """Nothing is dropped before `start`; from there to `end` the number grows linearly to that of the rule.

    Early in training a large loss means "not learned yet", and says little about the label.

    Args:
        start: share of the training that is done when trimming starts, in [0, 1].
        end: share when it has its full extent; not before `start`.

    Example:
        >>> [Warmup(0.1, 0.2).ramp(progress) for progress in (0.0, 0.15, 0.2, 1.0)]
        [0.0, 0.5, 1.0, 1.0]
    """

    start: float = 0.1
    end: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end <= 1:
            raise ConfigError(
                f"a warm-up runs from one share of the training to a later one, 0 ≤ start ≤ end ≤ 1, "
                f"not from {self.start} to {self.end}"
            )

    def ramp(self, progress: float) -> float:
        """The part of the full extent, in [0, 1], at `progress`, the share of the training that is done."""
        if progress >= self.end:
            return 1.0
        if progress <= self.start:
            return 0.0
        return round((progress - self.start) / (self.end - self.start), 9)
