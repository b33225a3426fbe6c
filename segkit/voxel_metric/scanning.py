r"""One look at the Gram matrix of sampled voxels, in strips that stay in the processor's cache.

Everything that triplets and pairs need is found in the strip of one chunk of anchors against all rows:
the negatives that mining selects, how many negatives violate the margin, and the negative pairs with their
gradient. The M × M matrix never lies in memory as a whole, and nothing is enumerated: O(M²) time for what
would be O(M³) triplets. Positive pairs need no matrix at all: see `segkit.voxel_metric.tuples`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segkit.voxel_metric.indices import largest_of_rows, smallest_of_rows
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
        negative: row of the negative that mining selects, `(M,)`; without mining, that of its positive.
        violations: float, `(M,)`: how many negatives violate the margin against its first positive, before
            mining.
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
    level = (z * z[positive]).sum(1)
    to_z = torch.zeros_like(z) if gradient and pair_margin is not None else None
    totals = [torch.zeros((), dtype=z.dtype, device=z.device)]
    positives, found = [], []
    chunks = list(strips(rows))
    # Memory that is new to each strip would cost more than the arithmetic.
    cells = max((each.last - each.first) * (m - each.end + each.start) for each in chunks)
    spaces = z.new_empty(3, cells).unbind()
    for strip in chunks:
        here, rest = z[strip.first : strip.last], others(z, strip)
        similarity = torch.mm(here, rest.T, out=_part(spaces[0], len(here), len(rest)))
        if pair_margin is not None and strip.end < m:
            totals.append(_negative_pairs(similarity, strip, pair_margin, z, to_z, spaces[1:]))
        if mining == "batch-hard":
            positives.append(_farthest(here, strip, z))
        if mining is not None:
            found.append(_candidates(similarity, level[strip.first : strip.last, None], margin, spaces[1]))
    total = torch.stack(totals).sum(dtype=torch.float64).to(z.dtype) / 2
    if mining is None:
        return Mined(positive, positive, torch.zeros_like(level)), total, to_z
    violations, nearest, inverse, hardest = (torch.cat(each) for each in zip(*found, strict=True))
    if mining == "batch-hard":
        positive, column = torch.cat(positives), hardest
    else:
        # No negative in the window although some violate the margin: take the hardest of them.
        column = torch.where((inverse * margin >= -2) & (violations > 0), hardest, nearest)
    # Behind the places before the class, a row of the others is as many rows further on as the class has.
    starts = (rows.sizes.cumsum(0) - rows.sizes)[rows.own]
    negative = column + (column >= starts) * rows.sizes[rows.own]
    return Mined(positive, negative, violations), total, to_z


def _part(space: Tensor, height: int, width: int) -> Tensor:
    """The first numbers of a space as a matrix."""
    return space[: height * width].view(height, width)


def others(z: Tensor, strip: Strip) -> Tensor:
    """Rows of the other classes, in their order."""
    before, behind = z[: strip.start], z[strip.end :]
    return torch.cat([before, behind]) if len(before) and len(behind) else before if len(before) else behind


def _negative_pairs(
    similarity: Tensor, strip: Strip, margin: float, z: Tensor, to_z: Tensor | None, spaces: Sequence[Tensor]
) -> Tensor:
    """Twice the sum over pairs of an anchor and a row of a later class; the gradient of the sum is added to
    `to_z`. Both spaces are overwritten.
    """
    later = similarity[:, strip.start :]
    distance, short = (_part(space, *later.shape) for space in spaces)
    torch.mul(later, -2, out=distance).add_(2).clamp_(min=EPS).sqrt_()
    torch.sub(margin, distance, out=short).relu_()
    value = short.view(-1).dot(short.view(-1))
    if to_z is not None:
        # With s the similarity, d = √(2 − 2s) and ∂d/∂s = −1/d.
        slope, behind = short.div_(distance), z[strip.end :]
        to_z[strip.first : strip.last].addmm_(slope, behind)
        to_z[strip.end :].addmm_(slope.T, z[strip.first : strip.last])
    return value


def _farthest(here: Tensor, strip: Strip, z: Tensor) -> Tensor:
    """For each anchor the row of its class that is farthest away; itself, if there is no other."""
    own = here @ z[strip.start : strip.end].T
    own.diagonal(strip.first - strip.start).fill_(torch.inf)
    return strip.start + smallest_of_rows(own)


def _candidates(
    similarity: Tensor, level: Tensor, margin: float, space: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What each anchor of a strip may take as its negative, as columns. Strip and space are overwritten.

    Returns:
        How many negatives violate the margin; the negative next beyond the positive; the reciprocal of how
        far beyond it is, in similarity, 0 or more if none is; the negative nearest to the anchor.
    """
    work = _part(space, *similarity.shape)
    beyond = similarity.sub_(level)  # above 0: nearer to the anchor than its first positive
    violations = torch.gt(beyond, -margin / 2, out=work).sum(1)  # as floats: faster than as bools
    # Of the numbers below 0 that next to 0 has the lowest reciprocal: no mask is needed to find it.
    inverse = torch.reciprocal(beyond, out=work)
    return violations, smallest_of_rows(inverse), inverse.amin(1), largest_of_rows(beyond)
