"""Random numbers that depend on the seed and on nothing that happened before."""

from __future__ import annotations

import random

import numpy as np
import torch

from segkit.errors import ConfigError


def seed_everything(seed: int) -> int:
    """Seed Python's, NumPy's and torch's global generators. Call it before a network is built.

    Args:
        seed: whole number in [0, 2³²).

    Returns:
        The seed, so that it can be recorded where it is set.

    Raises:
        ConfigError: the seed is out of range.

    Example:
        >>> _ = seed_everything(7)
        >>> first = torch.rand(3)
        >>> _ = seed_everything(7)
        >>> bool((torch.rand(3) == first).all())
        True
    """
    if not 0 <= seed < 2**32:
        raise ConfigError(f"seed {seed} is out of range: choose a whole number from 0 to {2**32 - 1}")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return seed


def step_generator(
    seed: int, iteration: int, *, rank: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A fresh generator for one update: a function of its arguments, not of the updates before it.

    A run that resumes at iteration 700 therefore draws what the uninterrupted run drew there, without a
    stored state, and two processes of one run draw different numbers.

    Args:
        seed: the run's seed.
        iteration: the update, from 0.
        rank: the process, from 0.
        device: where the numbers are needed; generators of two devices give different numbers.

    Example:
        >>> a, b = step_generator(0, 5), step_generator(0, 5)
        >>> bool((torch.rand(2, generator=a) == torch.rand(2, generator=b)).all())
        True
    """
    # Neighbouring seeds of a Mersenne twister give related streams; SeedSequence mixes the numbers first.
    mixed = np.random.SeedSequence((seed, iteration, rank)).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(mixed))
