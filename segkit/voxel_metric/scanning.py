r"""One look at the Gram matrix of sampled voxels, in strips that stay in the processor's cache.

Everything that triplets and pairs need is found in the strip of one chunk of anchors against all rows:
the negatives that mining selects, how many negatives violate the margin, and the negative pairs with their
gradient. The M × M matrix never lies in memory as a whole, and nothing is enumerated: O(M²) time for what
would be O(M³) triplets. Positive pairs need no matrix at all: see `segkit.voxel_metric.tuples`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from segkit.voxel_metric.rows import EPS, ClassRows

_CELLS = 2**17
"""Numbers in a strip: half a megabyte of float32, so that it stays in the cache of one core."""

_CELLS_GPU = 2**24
"""The same where starting an operation costs more than the way to memory."""


@dataclass(frozen=True)
class Strip:
    """Some anchors of one class.

    Attributes:
        start, end: rows of the class.
        first, last: rows of the anchors.
    """

    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True)
class Mined:
    """What a scan found out about each row as an anchor.

    Attributes:
        positive: row of its positive, int64, shape `(M,)`; itself, if it has none.
        negative: row of the negative that mining selects, `(M,)`; itself, if there is no other class.
        violations: `(M,)`, how many negatives violate the margin against its first positive, before mining.
    """

    positive: Tensor
    negative: Tensor
    violations: Tensor


def strips(rows: ClassRows) -> Iterator[Strip]:
    """All rows in chunks, no chunk with rows of two classes."""
    cells = _CELLS if rows.z.device.type == "cpu" else _CELLS_GPU
    height = max(1, cells // max(1, len(rows.z)))
    for start, end in rows.bounds:
        for first in range(start, end, height):
            yield Strip(start, end, first, min(first + height, end))


def cyclic_positives(rows: ClassRows, generator: torch.Generator | None) -> Tensor:
    """For each row another one of its class: the same number of places further on, cyclically.

    With a generator that number is drawn for each class, so that every pair is as likely as any other;
    without, it is 1.

    Returns:
        int64, shape `(M,)`; a row that is alone in its class gets itself.
    """
    device = rows.z.device
    positive = torch.arange(len(rows.z), device=device)
    draws = [0.0] * len(rows.bounds)
    if generator is not None:
        draws = torch.rand(len(rows.bounds), generator=generator, device=generator.device).tolist()
    for (start, end), draw in zip(rows.bounds, draws, strict=True):
        n = end - start
        if n > 1:
            positive[start:end] = positive[start:end].roll(-(1 + int(draw * (n - 1))))
    return positive


@torch.no_grad()
def scan(
    rows: ClassRows,
    positive: Tensor,
    *,
    mining: str | None,
    margin: float,
    pair_margin: float | None,
    gradient: bool,
) -> tuple[Mined, Tensor, Tensor | None]:
    r"""Mine a negative for every anchor, and sum over the negative pairs.

    Args:
        rows: sorted by class.
        positive: from `cyclic_positives`; "batch-hard" selects others.
        mining: "semi-hard", "batch-hard", or None for no triplets.
        margin: of the triplets, on squared distances.
        pair_margin: $m_c$ of the negative pairs, on distances; None for no pairs.
        gradient: whether the gradient of the sum is wanted.

    Returns:
        What was mined; $\sum \frac12[m_c-d_{ij}]_+^2$ over pairs i < j of two classes; its gradient by `z`.
    """
    z, m = rows.z, len(rows.z)
    mined = Mined(positive.clone(), torch.arange(m, device=z.device), torch.zeros_like(positive))
    level = (z * z[positive]).sum(1)
    total = torch.zeros((), dtype=torch.float64, device=z.device)
    to_z = torch.zeros_like(z) if gradient and pair_margin is not None else None
    for strip in strips(rows):
        if strip.end - strip.start == m:
            continue
        similarity = z[strip.first : strip.last] @ others(z, strip).T
        if pair_margin is not None and strip.end < m:
            total += _negative_pairs(similarity, strip, pair_margin, z, to_z)
        if mining == "batch-hard" and strip.end - strip.start > 1:
            own = z[strip.first : strip.last] @ z[strip.start : strip.end].T
            own.diagonal(strip.first - strip.start).fill_(torch.inf)
            mined.positive[strip.first : strip.last] = strip.start + own.argmin(1)
        if mining is not None:
            _mine(similarity, strip, level, mined, hard=mining == "batch-hard", margin=margin)
    return mined, total.to(z.dtype), to_z


def others(z: Tensor, strip: Strip) -> Tensor:
    """Rows of the other classes, in their order."""
    before, behind = z[: strip.start], z[strip.end :]
    return torch.cat([before, behind]) if len(before) and len(behind) else before if len(before) else behind


def _negative_pairs(
    similarity: Tensor, strip: Strip, margin: float, z: Tensor, to_z: Tensor | None
) -> Tensor:
    """The sum over pairs of an anchor and a row of a later class; its gradient is added to `to_z`."""
    distance = similarity[:, strip.start :].mul(-2).add_(2).clamp_(min=EPS).sqrt_()
    short = (margin - distance).relu_()
    value = short.square().sum() / 2
    if to_z is not None:
        # With s the similarity, d = √(2 − 2s) and ∂d/∂s = −1/d.
        slope = short.div_(distance)
        to_z[strip.first : strip.last].addmm_(slope, z[strip.end :])
        to_z[strip.end :].addmm_(slope.T, z[strip.first : strip.last])
    return value


def _mine(
    similarity: Tensor, strip: Strip, level: Tensor, mined: Mined, *, hard: bool, margin: float
) -> None:
    """Fill in the negatives of the anchors of a strip. The strip is overwritten."""
    here = slice(strip.first, strip.last)
    beyond = similarity.sub_(level[here, None])  # above 0: nearer to the anchor than its first positive
    violations = (beyond > -margin / 2).sum(1)
    if hard:
        found = beyond.argmax(1)
    else:
        # Of the numbers below 0 that next to 0 has the lowest reciprocal: no mask is needed to find it.
        nearest = beyond.reciprocal().min(1)
        # No negative in the window although some violate the margin: take the hardest of them.
        rest = (nearest.values * margin >= -2) & (violations > 0)
        found = torch.where(rest, beyond.argmax(1), nearest.indices) if bool(rest.any()) else nearest.indices
    # Behind the places before the class, a row of the others is as many rows further on as the class has.
    mined.negative[here] = found + (found >= strip.start) * (strip.end - strip.start)
    mined.violations[here] = violations
