"""Draw places of an image from its parts: each voxel holds a code, and so many of each code are wanted.

It is done with NumPy in the memory of the CPU: there are many operations on a few hundred places each, and
NumPy starts one sooner than PyTorch. The random numbers are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

Codes = NDArray[np.int16]
Places = NDArray[np.int64]

_FEW = 8
"""A part is drawn from without a list of it if it has so many times what is drawn, and the image not so many
times the part.
"""


def draw_places(
    codes: Codes, sizes: Sequence[int], parts: Sequence[tuple[int, int]], generator: torch.Generator
) -> list[Places]:
    """Drawn places of each part: different ones if a part has as many, else all of them in turn.

    Args:
        codes: shape `(N,)`, 0 or more.
        sizes: how many places hold each code, from 0 on.
        parts: codes that are held at least once, and how many places to draw of each.
        generator: where the numbers come from.

    Example:
        >>> codes = np.array([0, 1, 1, 0, 2], np.int16)
        >>> [places.tolist() for places in draw_places(codes, [2, 2, 1], [(2, 2)], torch.Generator())]
        [[4, 4]]
    """
    listed = {code for code, n in parts if not _tried(sizes[code], n, len(codes))}
    # One pass over the image for all lists: the largest parts, of the background, have the lowest codes.
    places = np.flatnonzero(codes >= min(listed)) if listed else np.zeros(0, np.int64)
    held = codes[places]
    found = []
    for code, n in parts:
        drawn = None if code in listed else _try_places(codes, code, sizes[code], n, generator)
        if drawn is None:
            pool = places[held == code] if code in listed else np.flatnonzero(codes == code)
            drawn = _from_list(pool, n, generator)
        found.append(drawn)
    return found


def random_order(n: int, generator: torch.Generator) -> Places:
    """0 … n − 1 in random order."""
    return torch.randperm(n, generator=generator, device=generator.device).cpu().numpy()


def _tried(size: int, n: int, total: int) -> bool:
    """Whether a part fills so much of the image that places are tried until enough hold its code."""
    return size > _FEW * n and size * _FEW > total


def _try_places(codes: Codes, code: int, size: int, n: int, generator: torch.Generator) -> Places | None:
    """n different places that hold a code, or None in the rare case that so many tries do not hit them."""
    number = 2 * n * len(codes) // size + 16
    tries = torch.randint(len(codes), (number,), generator=generator, device=generator.device).cpu().numpy()
    different = list(dict.fromkeys(tries[codes[tries] == code].tolist()))
    return np.array(different[:n]) if len(different) >= n else None


def _from_list(pool: Places, n: int, generator: torch.Generator) -> Places:
    turns = [random_order(len(pool), generator) for _ in range(-(-n // len(pool)))]
    return pool[np.concatenate(turns)[:n]]
