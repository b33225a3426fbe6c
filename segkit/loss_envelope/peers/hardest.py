"""The mean over the hardest voxels of a whole batch: what two of the peers do with the cross-entropies."""

from __future__ import annotations

import torch
from torch import Tensor

from segkit.errors import ConfigError
from segkit.loss_envelope.order_means import top_k_mean
from segkit.losses.entropy import entropy_of_rows
from segkit.losses.inputs import as_rows


def mean_of_hardest(
    logits: Tensor, labels: Tensor, valid: Tensor | None, *, share: float, above: float = torch.inf
) -> Tensor:
    """Mean cross-entropy of the voxels that are at least this hard, a scalar in the dtype of the logits.

    Args:
        logits: (B, K, *S).
        labels: (B, *S).
        valid: (B, *S) or None.
        share: of the valid voxels of the batch that is taken at least, in (0, 1]; one voxel in any case.
        above: all voxels with a larger cross-entropy are taken, too, in nats.

    Returns:
        0, connected to the logits, if no voxel is valid; NaN if the cross-entropy of a valid voxel is: a
        selection by rank would leave it out.
    """
    rows = as_rows(logits, labels, valid)
    entropy = entropy_of_rows(rows, None).flatten()
    n = entropy.numel() if rows.counts is None else int(rows.counts.sum())
    taken = int(share * n + 1e-6)  # 0.29 · 100 is 28.999… in floating point
    if above < torch.inf:
        taken = max(taken, int((entropy.detach() > above).sum()))
    # An ignored voxel has the cross-entropy 0: there is always a valid one that is at least as hard.
    mean = top_k_mean(entropy, max(1, taken))
    worst = entropy.detach().amax() if n else mean
    return torch.where(worst.isnan(), worst, mean).to(logits.dtype)


def checked_share(name: str, share: float) -> float:
    """The share, after a look at it."""
    if not 0 < share <= 1:
        raise ConfigError(f"{name} is a share of the valid voxels in (0, 1], got {share}")
    return share
