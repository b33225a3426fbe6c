r"""Other losses of the same sampled voxels, to compare the tuples with: matrix forms of published losses.

All look at the cosines $s_{ij}$ or distances $d_{ij}$ between the rows on the unit sphere; P(a) are the other
rows of a's class, N(a) those of other classes. Each is a mean over the anchors that have both (or over their
positive pairs), 0 and connected if there is none, and the value of pytorch-metric-learning 2.9 with the same
settings. Rows labelled IGNORE are left out. Time O(M² d), and some matrices of M × M numbers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError
from segkit.losses.reduction import reduce
from segkit.voxel_metric.rows import EPS, class_rows


def lifted_structure(embeddings: Tensor, labels: Tensor, *, margin: float = 1.0) -> Tensor:
    r"""$\frac1{2|P|} \sum_{(i,j) \in P} [J_{ij}]_+^2$ over positive pairs, as in [song2016lifted], with
    $J_{ij} = \log\big(\sum_{k \in N(i)} e^{\alpha - d_{ik}} + \sum_{l \in N(j)} e^{\alpha - d_{jl}}\big)
    + d_{ij}$.

    Args:
        embeddings: float, shape `(M, d)`, any length.
        labels: integers, shape `(M,)`.
        margin: α; 1 in the paper.

    Raises:
        DataError: shapes or dtypes do not fit.

    Example:
        >>> float(lifted_structure(torch.eye(2), torch.tensor([0, 1])))  # no positive pair
        0.0
    """
    similarity, same, other = _compared(embeddings, labels)
    distance = (2 - 2 * similarity).clamp(min=EPS).sqrt()
    pull = (margin - distance).masked_fill(~other, -torch.inf).logsumexp(1)
    hinge = (torch.logaddexp(pull[:, None], pull) + distance).masked_fill(~same, 0).relu()
    return reduce(hinge.square() / 2, same).to(embeddings.dtype)


def multi_similarity(
    embeddings: Tensor, labels: Tensor, *, alpha: float = 2.0, beta: float = 50.0, base: float = 0.5
) -> Tensor:
    r"""$\frac1\alpha \log\big(1 + \sum_p e^{-\alpha (s_{ap} - \lambda)}\big) + \frac1\beta \log\big(1 +
    \sum_n e^{\beta (s_{an} - \lambda)}\big)$ over anchors, as in [wang2019multisimilarity].

    Args:
        embeddings: float, shape `(M, d)`, any length.
        labels: integers, shape `(M,)`.
        alpha: α > 0; 2 in the paper.
        beta: β > 0; 50 in the paper.
        base: λ, the cosine that both kinds are compared with; 1/2 here, 1 in the paper.

    Raises:
        ConfigError: α or β is not positive.
        DataError: shapes or dtypes do not fit.
    """
    if min(alpha, beta) <= 0:
        raise ConfigError(f"alpha and beta of multi-similarity must be positive, got {alpha} and {beta}")
    similarity, same, other = _compared(embeddings, labels)
    positive = F.softplus((-alpha * (similarity - base)).masked_fill(~same, -torch.inf).logsumexp(1)) / alpha
    negative = F.softplus((beta * (similarity - base)).masked_fill(~other, -torch.inf).logsumexp(1)) / beta
    return _mean(positive + negative, same.any(1), embeddings)


def circle(embeddings: Tensor, labels: Tensor, *, margin: float = 0.4, scale: float = 80.0) -> Tensor:
    r"""$\log\big[1 + \sum_n e^{\gamma \alpha_n (s_{an} - m)} \sum_p e^{-\gamma \alpha_p (s_{ap} - 1 + m)}
    \big]$ over anchors, as in [sun2020circle].

    The weights $\alpha_p = [1 + m - s_{ap}]_+$ and $\alpha_n = [s_{an} + m]_+$ have no gradient.

    Args:
        embeddings: float, shape `(M, d)`, any length.
        labels: integers, shape `(M,)`.
        margin: m; 0.25 in the paper for faces, 0.4 for retrieval.
        scale: γ > 0; 80 in the paper for retrieval, 256 for faces.

    Raises:
        ConfigError: γ is not positive.
        DataError: shapes or dtypes do not fit.
    """
    if scale <= 0:
        raise ConfigError(f"the scale of the circle loss must be positive, got {scale}")
    similarity, same, other = _compared(embeddings, labels)
    fixed = similarity.detach()
    positive = -scale * (1 + margin - fixed).relu() * (similarity - 1 + margin)
    negative = scale * (fixed + margin).relu() * (similarity - margin)
    both = positive.masked_fill(~same, -torch.inf).logsumexp(1)
    both = both + negative.masked_fill(~other, -torch.inf).logsumexp(1)
    return _mean(F.softplus(both), same.any(1), embeddings)


def info_nce(
    embeddings: Tensor, labels: Tensor, *, temperature: float = 0.1, per_anchor: bool = False
) -> Tensor:
    r"""$-\log \frac{e^{s_{ap}/\tau}}{e^{s_{ap}/\tau} + \sum_n e^{s_{an}/\tau}}$ over positive pairs, as in
    [oord2018cpc]; each positive stands alone against all negatives.

    Args:
        embeddings: float, shape `(M, d)`, any length.
        labels: integers, shape `(M,)`.
        temperature: τ > 0.
        per_anchor: first the mean over the positives of an anchor, then over anchors: the loss of pixel
            contrast, [wang2021pixelcontrast], with τ = 0.1 and embeddings in 256 dimensions there. Its
            anchors are what `VoxelSampler("error")` draws.

    Raises:
        ConfigError: τ is not positive.
        DataError: shapes or dtypes do not fit.
    """
    similarity, same, other = _compared(embeddings, labels, temperature)
    rest = similarity.masked_fill(~other, -torch.inf).logsumexp(1, keepdim=True)
    values = F.softplus(rest - similarity).masked_fill(~same, 0)
    if not per_anchor:
        return reduce(values, same).to(embeddings.dtype)
    return _mean(values.sum(1) / same.sum(1).clamp(min=1), same.any(1), embeddings)


def sup_con(embeddings: Tensor, labels: Tensor, *, temperature: float = 0.1) -> Tensor:
    r"""$-\frac{1}{|P(a)|} \sum_p \log \frac{e^{s_{ap}/\tau}}{\sum_{j \ne a} e^{s_{aj}/\tau}}$ over anchors,
    as in [khosla2020supcon]; the other positives stand in the denominator as well.

    Args:
        embeddings: float, shape `(M, d)`, any length.
        labels: integers, shape `(M,)`.
        temperature: τ > 0; 0.1 in the paper.

    Raises:
        ConfigError: τ is not positive.
        DataError: shapes or dtypes do not fit.
    """
    similarity, same, other = _compared(embeddings, labels, temperature)
    rest = similarity.masked_fill(~(same | other), -torch.inf).logsumexp(1, keepdim=True)
    values = (rest - similarity).masked_fill(~same, 0).sum(1) / same.sum(1).clamp(min=1)
    return _mean(values, same.any(1), embeddings)


def _compared(embeddings: Tensor, labels: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines over the temperature; which pairs are positive; which are negative.

    Only what can be an anchor has pairs: with one class, nothing has.
    """
    if temperature <= 0:
        raise ConfigError(f"the temperature of a contrastive loss must be positive, got {temperature}")
    rows = class_rows(embeddings, labels)
    with torch.autocast(embeddings.device.type, enabled=False):
        similarity = rows.z @ rows.z.T / temperature
    m = len(rows.z)
    own = torch.zeros(m, m, dtype=torch.bool, device=embeddings.device)
    for start, end in rows.bounds:
        own[start:end, start:end] = len(rows.bounds) > 1
    other = ~own if len(rows.bounds) > 1 else own.clone()
    return similarity, own.fill_diagonal_(False), other


def _mean(values: Tensor, counts: Tensor, embeddings: Tensor) -> Tensor:
    return reduce(values, counts).to(embeddings.dtype)
