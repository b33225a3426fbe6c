r"""Other losses of the same sampled voxels, to compare the tuples with: matrix forms of published losses.

All look at the cosines $s_{ij}$ or distances $d_{ij}$ between the rows on the unit sphere; P(a) are the
other rows of a's class, N(a) those of other classes. Each has the value of pytorch-metric-learning 2.9 with
the same settings.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError
from segkit.losses.reduction import reduce
from segkit.voxel_metric.rows import EPS, class_rows


def lifted_structure(embeddings: Tensor, labels: Tensor, *, margin: float = 1.0) -> Tensor:
    r"""Small where positives are near each other, and all negatives of both of a pair are far away.

    $$ \frac1{2|P|} \sum_{(i,j) \in P} [J_{ij}]_+^2, \qquad J_{ij} = \log\Big(\sum_{k \in N(i)}
    e^{\alpha - d_{ik}} + \sum_{l \in N(j)} e^{\alpha - d_{jl}}\Big) + d_{ij} $$
    over all positive pairs P, as in [song2016lifted].

    Args:
        embeddings: float, shape `(M, d)`, any length; they are normalised here.
        labels: integers, shape `(M,)`.
        margin: α; 1 in the paper.

    Returns:
        The mean over positive pairs, halved, in the dtype of the embeddings. It is 0 where every $J_{ij}$ is
        below 0; for a perfect prediction of many rows it is not, since each negative adds to the logarithm.

    Empty and ignored:
        An ignored row (−1) changes neither value nor gradient; without tuples both are 0, and connected.

    Cost:
        Time O(M² d); a handful of M × M matrices are kept for the gradient, and no map of the image.

    Differs from:
        The paper, whose embeddings are not normalised.

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
    r"""Small where the cosines within a class are above λ, and those between classes below.

    $$ \frac1\alpha \log\Big(1 + \sum_{p \in P(a)} e^{-\alpha (s_{ap} - \lambda)}\Big) + \frac1\beta
    \log\Big(1 + \sum_{n \in N(a)} e^{\beta (s_{an} - \lambda)}\Big) $$
    for each anchor a, as in [wang2019multisimilarity].

    Args:
        embeddings: float, shape `(M, d)`, any length; they are normalised here.
        labels: integers, shape `(M,)`.
        alpha: α > 0; 2 in the paper.
        beta: β > 0; 50 in the paper.
        base: λ, the cosine that both kinds are compared with; 1/2 here, 1 in the paper.

    Returns:
        The mean over the anchors that have a positive, in the dtype of the embeddings. Every term is above 0;
        for a perfect prediction the first is $\log(1 + |P| e^{-\alpha (1 - \lambda)}) / \alpha$.

    Empty and ignored:
        An ignored row (−1) changes neither value nor gradient; without tuples both are 0, and connected.

    Cost:
        Time O(M² d); a handful of M × M matrices are kept for the gradient, and no map of the image.

    Differs from:
        The paper, which mines pairs beforehand; here all pairs count.

    Raises:
        ConfigError: α or β is not positive.
        DataError: shapes or dtypes do not fit.

    Example:
        >>> u, labels = torch.eye(2).repeat(2, 1), torch.tensor([0, 1, 0, 1])
        >>> round(float(multi_similarity(u, labels)), 3)
        0.157
    """
    if min(alpha, beta) <= 0:
        raise ConfigError(f"alpha and beta of multi-similarity must be positive, got {alpha} and {beta}")
    similarity, same, other = _compared(embeddings, labels)
    positive = F.softplus((-alpha * (similarity - base)).masked_fill(~same, -torch.inf).logsumexp(1)) / alpha
    negative = F.softplus((beta * (similarity - base)).masked_fill(~other, -torch.inf).logsumexp(1)) / beta
    return _mean(positive + negative, same.any(1), embeddings)


def circle(embeddings: Tensor, labels: Tensor, *, margin: float = 0.4, scale: float = 80.0) -> Tensor:
    r"""Small where the cosines within a class are near 1 and those between classes near 0.

    $$ \log\Big[1 + \sum_{n \in N(a)} e^{\gamma \alpha_n (s_{an} - m)} \sum_{p \in P(a)}
    e^{-\gamma \alpha_p (s_{ap} - 1 + m)}\Big], \qquad \alpha_p = [1 + m - s_{ap}]_+, \quad
    \alpha_n = [s_{an} + m]_+ $$
    for each anchor a, as in [sun2020circle]; the weights α have no gradient.

    Args:
        embeddings: float, shape `(M, d)`, any length; they are normalised here.
        labels: integers, shape `(M,)`.
        margin: m; 0.25 in the paper for faces, 0.4 for retrieval.
        scale: γ > 0; 80 in the paper for retrieval, 256 for faces.

    Returns:
        The mean over the anchors that have a positive, in the dtype of the embeddings; near 0 for a perfect
        prediction, in which the cosines are 1 and 0 or less.

    Empty and ignored:
        An ignored row (−1) changes neither value nor gradient; without tuples both are 0, and connected.

    Cost:
        Time O(M² d); a handful of M × M matrices are kept for the gradient, and no map of the image.

    Differs from:
        Nothing known.

    Raises:
        ConfigError: γ is not positive.
        DataError: shapes or dtypes do not fit.

    Example:
        >>> u, labels = torch.eye(2).repeat(2, 1), torch.tensor([0, 1, 0, 1])
        >>> float(circle(u, labels)) < 1e-6
        True
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
    r"""Small where each positive is nearer to its anchor than all negatives together.

    $$ -\log \frac{e^{s_{ap}/\tau}}{e^{s_{ap}/\tau} + \sum_{n \in N(a)} e^{s_{an}/\tau}} $$
    for each positive pair (a, p), as in [oord2018cpc]; each positive stands alone against all negatives.

    Args:
        embeddings: float, shape `(M, d)`, any length; they are normalised here.
        labels: integers, shape `(M,)`.
        temperature: τ > 0.
        per_anchor: first the mean over the positives of an anchor, then over anchors: the loss of pixel
            contrast, [wang2021pixelcontrast], with τ = 0.1 and embeddings in 256 dimensions in the paper. Its
            anchors are what `VoxelSampler("error")` draws.

    Returns:
        The mean over positive pairs, or over anchors, in the dtype of the embeddings; near 0 for a perfect
        prediction, $\log(1 + |N| e^{-1/\tau})$ if the classes are at right angles.

    Empty and ignored:
        An ignored row (−1) changes neither value nor gradient; without tuples both are 0, and connected.

    Cost:
        Time O(M² d); a handful of M × M matrices are kept for the gradient, and no map of the image.

    Differs from:
        Pixel contrast, which keeps embeddings of other images in a memory: `MetricBranch(memory=…)`.

    Raises:
        ConfigError: τ is not positive.
        DataError: shapes or dtypes do not fit.

    Example:
        >>> u, labels = torch.eye(2).repeat(2, 1), torch.tensor([0, 1, 0, 1])
        >>> torch.isclose(info_nce(u, labels), torch.tensor(-10.0).exp().mul(2).log1p())
        tensor(True)
    """
    similarity, same, other = _compared(embeddings, labels, temperature)
    rest = similarity.masked_fill(~other, -torch.inf).logsumexp(1, keepdim=True)
    values = F.softplus(rest - similarity).masked_fill(~same, 0)
    if not per_anchor:
        return reduce(values, same).to(embeddings.dtype)
    return _mean(values.sum(1) / same.sum(1).clamp(min=1), same.any(1), embeddings)


def sup_con(embeddings: Tensor, labels: Tensor, *, temperature: float = 0.1) -> Tensor:
    r"""Small where the positives of an anchor are nearer to it than all other rows together.

    $$ -\frac{1}{|P(a)|} \sum_{p \in P(a)} \log \frac{e^{s_{ap}/\tau}}{\sum_{j \ne a} e^{s_{aj}/\tau}} $$
    for each anchor a, as in [khosla2020supcon]; the other positives stand in the denominator as well.

    Args:
        embeddings: float, shape `(M, d)`, any length; they are normalised here.
        labels: integers, shape `(M,)`.
        temperature: τ > 0; 0.1 in the paper.

    Returns:
        The mean over the anchors that have a positive, in the dtype of the embeddings. For a perfect
        prediction it is not 0 but log |P(a)|, or a little more: the positives share the probability.

    Empty and ignored:
        An ignored row (−1) changes neither value nor gradient; without tuples both are 0, and connected.

    Cost:
        Time O(M² d); a handful of M × M matrices are kept for the gradient, and no map of the image.

    Differs from:
        Nothing known; the paper's form with the mean outside of the logarithm.

    Raises:
        ConfigError: τ is not positive.
        DataError: shapes or dtypes do not fit.

    Example:
        >>> u, labels = torch.eye(2).repeat(3, 1), torch.tensor([0, 1, 0, 1, 0, 1])
        >>> torch.isclose(sup_con(u, labels), torch.tensor(2.0).log(), atol=1e-3)
        tensor(True)
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
