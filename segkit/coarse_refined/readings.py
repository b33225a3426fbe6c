r"""Three other readings of "ranked loss" over the pixels of a patch, with scores in place of embeddings.

The score of a pixel is its logit for the structure, $s_i = \log p_i^k - \log(1 - p_i^k)$: with two classes
the difference of the two logits.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError, DataError


def hardest_pixels(scores: Tensor, targets: Tensor, *, share: float = 0.25) -> Tensor:
    r"""Small where even the worst pixels of a patch are probably right (R2).

    $$\ell = \frac{1}{\lceil qN \rceil} \sum_{i \in \text{top}_q} \log\left(1 + e^{-t_i s_i}\right), \qquad
    t_i = \pm 1$$

    the mean of the largest cross-entropies, sorted within each patch: a reading of [du2023criinet], ours.

    Args:
        scores: s, float, (P, N): rows are patches.
        targets: bool, (P, N), True for pixels of the structure.
        share: q in (0, 1].

    Returns:
        (P,), ≥ 0, in the dtype of the scores; 0 for a perfect prediction, as scores grow.

    Cost: time O(P N); a few tables of the size of the scores.

    Raises:
        DataError: shapes or dtypes do not fit.
        ConfigError: the share is out of range.

    Example:
        >>> scores = torch.tensor([[9.0, 9.0, -9.0, 1.0]])
        >>> hardest_pixels(scores, torch.tensor([[True, True, False, False]]))  # log(1 + e)
        tensor([1.3133])
    """
    s = _scores(scores, targets, axes=2)
    if not 0 < share <= 1:
        raise ConfigError(f"the share of hard pixels must be in (0, 1], got {share}")
    entropy = F.softplus(torch.where(targets, -s, s))
    worst = entropy.topk(max(1, -(-round(share * s.shape[1] * 1e6) // 10**6)), dim=1, sorted=False).values
    return worst.mean(1).to(scores.dtype)


def score_ranking(scores: Tensor, targets: Tensor, *, margin: float = 1.0) -> Tensor:
    r"""Small where every score of the structure is above every other score by a margin (R3).

    $$\ell = \frac{1}{|F|\,|B|} \sum_{i \in F} \sum_{j \in B} \left[\mu - (s_i - s_j)\right]_+$$

    With a step in place of the hinge it is 1 − AUC of the patch. A reading of [du2023criinet], ours.

    Args:
        scores: s, float, (P, N).
        targets: bool, (P, N), True for pixels of the structure.
        margin: μ ≥ 0, in logits.

    Returns:
        (P,), ≥ 0, in the dtype of the scores; 0 for a perfect prediction, and for a patch with one side
        only.

    Cost: time O(P N log N), by sorting: no table of pairs is made.

    Raises:
        DataError: shapes or dtypes do not fit.
        ConfigError: the margin is negative.

    Example:
        >>> scores = torch.tensor([[2.0, 0.5, 0.0]])
        >>> score_ranking(scores, torch.tensor([[True, True, False]]))  # (0 + 0.5) / 2
        tensor([0.2500])
    """
    s = _scores(scores, targets, axes=2)
    if not margin >= 0:
        raise ConfigError(f"the margin of score_ranking must not be negative, got {margin}")
    # The hinge of a pair is active where s_i < s_j + μ. In the order of s, raised by μ for the background,
    # each pixel counts as often as pixels of the other side lie beyond it, and every pair pays μ besides.
    raised = torch.where(targets, s, s + margin)
    order = raised.detach().argsort(1)
    front = targets.gather(1, order)
    above = (~front).flip(1).cumsum(1).flip(1)  # background at or above each place of the order
    below = front.cumsum(1)
    weight = torch.where(front, -above, below).to(s.dtype)
    pairs = front.sum(1) * (~front).sum(1)
    total = (weight * raised.gather(1, order)).sum(1)
    return (total / pairs.clamp(min=1)).to(scores.dtype)


def smooth_ap(scores: Tensor, targets: Tensor, *, temperature: float = 0.01) -> Tensor:
    r"""Small where the structure's pixels come first when a patch is sorted by score (R4).

    $$\ell = 1 - \frac{1}{|F|} \sum_{i \in F} \frac{1 + \sum_{j \in F, j \ne i} G_\tau(s_j - s_i)}
    {1 + \sum_{j \ne i} G_\tau(s_j - s_i)}, \qquad G_\tau(u) = \frac{1}{1 + e^{-u/\tau}}$$

    which tends to 1 − AP as τ → 0 [brown2020smoothap]. With similarities to one row of embeddings as scores
    it ranks a list of that row.

    Args:
        scores: s, float, (*R, N); each list along the last axis is one.
        targets: bool, (*R, N), True for what should come first.
        temperature: τ > 0. Paper: 0.01, for cosine similarities; for logits choose about 1.

    Returns:
        (*R,), in [0, 1), in the dtype of the scores; 0 for a perfect prediction as τ → 0, and for a list
        without positives.

    Cost: time and memory O(N²) for each list.

    Raises:
        DataError: shapes or dtypes do not fit.
        ConfigError: the temperature is not positive.

    Example:
        >>> scores = torch.tensor([0.9, 0.1, 0.5])
        >>> smooth_ap(scores, torch.tensor([True, True, False]))  # 1 − (1/1 + 2/3) / 2
        tensor(0.1667)
    """
    s = _scores(scores, targets, axes=1)
    if not temperature > 0:
        raise ConfigError(f"the temperature of smooth_ap must be positive, got {temperature}")
    above = torch.sigmoid((s[..., None, :] - s[..., :, None]) / temperature)  # [i, j]: is j above i?
    above = above.masked_fill(torch.eye(s.shape[-1], dtype=torch.bool, device=s.device), 0)
    rank = 1 + above.sum(-1)
    rank_among_own = 1 + (above * targets[..., None, :]).sum(-1)
    precision = (rank_among_own / rank).masked_fill(~targets, 0).sum(-1)
    count = targets.sum(-1)
    return torch.where(count > 0, 1 - precision / count.clamp(min=1), precision).to(scores.dtype)


def neighbour_ap(embeddings: Tensor, *, anchors: int = 8, temperature: float = 0.01) -> Tensor:
    r"""Small where, seen from a pixel, the pixels of its own side come first (R4 of embeddings).

    `smooth_ap` of the lists of some pixels, each with the cosine similarities $z_i^\top z_j$ to all others of
    the patch as scores and its own side as what should come first [brown2020smoothap].

    Args:
        embeddings: z of unit length, float, (P, 2 n, d): of each patch n pixels of the structure, then n
            others; n ≥ 2.
        anchors: pixels whose lists are ranked, evenly from the 2 n of a patch; at most all.
        temperature: τ > 0. Paper: 0.01.

    Returns:
        (P,), in [0, 1), in the dtype of the embeddings; 0 for a perfect prediction as τ → 0.

    Cost: time and memory O(P a n²) with a anchors.

    Raises:
        DataError: the embeddings have another shape or are not floating point.
        ConfigError: an option is out of range.

    Example:
        >>> z = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]])
        >>> neighbour_ap(z)
        tensor([0.])
    """
    if embeddings.ndim != 3 or embeddings.shape[1] % 2 or embeddings.shape[1] < 4:
        raise DataError(
            "embeddings must have the shape (P, 2 n, d), n ≥ 2 pixels of each side, got "
            f"{tuple(embeddings.shape)}"
        )
    if anchors < 1:
        raise ConfigError(f"neighbour_ap needs one anchor or more, got {anchors}")
    z = embeddings
    count, device = z.shape[1], z.device
    seen_from = torch.arange(min(anchors, count), device=device) * count // min(anchors, count)
    # Of each anchor all other pixels: 0, 1, … without itself.
    others = torch.arange(count - 1, device=device).expand(len(seen_from), -1)
    others = others + (others >= seen_from[:, None])
    scores = (z[:, seen_from] @ z.mT).gather(2, others.expand(len(z), -1, -1))
    own_side = (others < count // 2) == (seen_from < count // 2)[:, None]
    return smooth_ap(scores, own_side.expand_as(scores), temperature=temperature).mean(1)


def structure_scores(logits: Tensor, structure: Tensor) -> Tensor:
    r"""$\log p^k - \log(1 - p^k)$ of gathered rows.

    Args:
        logits: (P, N, K).
        structure: int64, (P,): the class k of each patch.

    Returns:
        (P, N), in at least float32.

    Example:
        >>> structure_scores(torch.tensor([[[1.0, 3.0]]]), torch.tensor([1]))
        tensor([[2.]])
    """
    z = logits.to(torch.promote_types(logits.dtype, torch.float32))
    own = structure[:, None, None].expand(*z.shape[:2], 1)
    return (z.gather(2, own).squeeze(2)) - z.scatter(2, own, -torch.inf).logsumexp(2)


def _scores(scores: Tensor, targets: Tensor, *, axes: int) -> Tensor:
    if scores.shape != targets.shape or targets.dtype != torch.bool or not scores.is_floating_point():
        raise DataError(
            "scores must be floating point and targets bool of one shape, got "
            f"{scores.dtype} {tuple(scores.shape)} and {targets.dtype} {tuple(targets.shape)}"
        )
    if scores.ndim < axes or (axes == 2 and scores.ndim > 2) or not scores.shape[-1]:
        shape = "(P, N)" if axes == 2 else "(*R, N)"
        raise DataError(f"scores must have the shape {shape} with N ≥ 1, got {tuple(scores.shape)}")
    return scores.to(torch.promote_types(scores.dtype, torch.float32))
