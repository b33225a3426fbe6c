"""Tables of results of which the truth is known, to try a test on before it is believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def simulate_tables(
    n_tables: int,
    *,
    draws: int,
    cases: int,
    generator: np.random.Generator,
    effect: float = 0.0,
    mean: float = 0.8,
    draw_sd: float = 0.025,
    case_sd: float = 0.08,
    interaction_sd: float = 0.0,
    noise_sd: float = 0.04,
) -> NDArray[np.float64]:
    r"""Metric of two arms on the same cases in the same draws.

    $$v_{mij} = \mu + m\,\text{effect} + \underbrace{a_{mi}}_{\text{draw}} + \underbrace{b_j}_{\text{case}}
      + \underbrace{m\,g_j}_{\text{interaction}} + e_{mij}, \qquad m \in \{0, 1\}$$

    The draw's shift $a_{mi}$ is one number for all cases: the cases share the trained net. That is why
    cases are no independent witnesses for a method. The defaults are of the size that 80 updates on the
    hippocampus show.

    Args:
        n_tables: independent tables.
        draws: training runs per arm and table.
        cases: test cases, the same in each draw.
        generator: source of randomness.
        effect: true difference of the second arm.
        mean: true mean of the first arm.
        draw_sd: spread of a run's shift.
        case_sd: spread of the difficulty of cases, common to both arms.
        interaction_sd: spread over cases of how much the second arm gains on a case.
        noise_sd: spread of what is left.

    Returns:
        Shape `(n_tables, 2, draws, cases)`; nothing is clipped to [0, 1], so that the effect is exact.

    Example:
        >>> simulate_tables(3, draws=5, cases=60, generator=np.random.default_rng(0)).shape
        (3, 2, 5, 60)
    """
    draw = draw_sd * generator.standard_normal((n_tables, 2, draws, 1))
    case = case_sd * generator.standard_normal((n_tables, 1, 1, cases))
    gain = effect + interaction_sd * generator.standard_normal((n_tables, 1, 1, cases))
    noise = noise_sd * generator.standard_normal((n_tables, 2, draws, cases))
    second = np.array([0.0, 1.0]).reshape(1, 2, 1, 1)
    return mean + draw + case + second * gain + noise
