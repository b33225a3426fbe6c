"""Channels that carry no information about the patient: what a gain has to be larger than."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segkit.data import Case, crop_or_pad
from segkit.errors import DataError
from segkit.mask_prior.carrying import check_grid, with_maps


def with_constant(case: Case, *, value: float = 1.0, to: str = "constant") -> Case:
    """A case with a map of one value: as many weights as a mask, and nothing to learn from."""
    return with_maps(case, **{to: torch.full(case.shape, float(value))})


def with_strangers_masks(
    cases: Sequence[Case], donors: Sequence[Case], *, seed: int, key: str = "mask", to: str = "stranger"
) -> list[Case]:
    """Cases with the mask of another patient each: a mask's look without its information.

    Donors come round in an order drawn from the seed, so that each is used about equally often. A mask of
    another grid is cropped or padded about its middle.

    Args:
        cases: cases that get a map `to`.
        donors: cases with a boolean map `key`. For test cases take other test cases, for training cases other
            training cases.
        seed: 0 or more.
        key: the donors' map.
        to: the new map.

    Raises:
        DataError: no donor of another patient, or one without the map.

    Example:
        >>> from segkit.data import phantoms
        >>> from segkit.mask_prior import parent_mask
        >>> cases = [with_maps(case, mask=parent_mask(case)) for case in phantoms("hippocampus", 3)]
        >>> changed = with_strangers_masks(cases, cases, seed=0)
        >>> any(torch.equal(case.meta["mask"], case.meta["stranger"]) for case in changed)
        False
    """
    order = np.random.default_rng(seed).permutation(len(donors)) if donors else np.zeros(0, int)
    out, place = [], 0
    for case in cases:
        turns = [donors[int(order[(place + i) % len(donors)])] for i in range(len(donors))]
        i = next((i for i, donor in enumerate(turns) if donor.group != case.group), None)
        if i is None:
            raise DataError(f"there is no other patient to lend case {case.id} a mask: give more donors")
        donor, place = turns[i], place + i + 1
        value = donor.meta.get(key)
        if not isinstance(value, Tensor):
            raise DataError(f"case {donor.id} has no map {key!r} in its meta to lend: add it with with_maps")
        check_grid(donor, key, value)
        framed = crop_or_pad(donor.with_(label=value.long(), meta={}), case.shape, pad_label=0).label
        assert framed is not None
        out.append(with_maps(case, **{to: framed > 0}))
    return out
