"""When unlabelled images begin to count, and how much."""

from __future__ import annotations

import math
from dataclasses import dataclass

from segkit.errors import ConfigError
from segkit.train import State


def ramp_up(share: float) -> float:
    r"""$e^{-5\,(1 - t)^2}$ with t the share of the ramp that is done, cut to [0, 1] [laine2017temporal].

    Example:
        >>> [round(ramp_up(t), 4) for t in (0.0, 0.5, 1.0, 7.0)]
        [0.0067, 0.2865, 1.0, 1.0]
    """
    return math.exp(-5.0 * (1.0 - min(1.0, max(0.0, share))) ** 2)


@dataclass(frozen=True)
class RampUp:
    r"""$\lambda(t) = \lambda_{\max} e^{-5 (1 - \min(t, T) / T)^2}$, and 0 before the start.

    Attributes:
        weight: $\lambda_{\max}$ ≥ 0.
        length: T in [0, 1], as a share of the run; 0 for no ramp.
        start: share of the run before which the weight is 0.

    Raises:
        ConfigError: a number is out of range.

    Example:
        >>> import torch
        >>> ramp = RampUp(0.1, length=0.4)
        >>> [round(ramp(State(i, 100, torch.Generator())), 5) for i in (0, 20, 40, 99)]
        [0.00067, 0.02865, 0.1, 0.1]
    """

    weight: float
    length: float = 0.4
    start: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf or not 0 <= self.length <= 1 or not 0 <= self.start < 1:
            raise ConfigError(
                f"{self}: the weight must be 0 or more, the length in [0, 1] and the start in [0, 1)"
            )

    def __call__(self, state: State) -> float:
        """The weight in the update that the state stands before."""
        if state.progress < self.start:
            return 0.0
        return self.weight * (ramp_up(state.progress / self.length) if self.length else 1.0)
