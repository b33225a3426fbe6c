r"""Losses with negatives: the same place in the other view must be nearer than other places or other images.

They stand beside local consistency as arms of a comparison, each one pure function of features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError, DataError
from segkit.local_ssl.consistency import EPS, as_exact, check_rows
from segkit.losses import cosine_similarities


def local_info_nce(
    query: Tensor, key: Tensor, *, valid: Tensor | None = None, temperature: float = 0.1, pooled: bool = False
) -> Tensor:
    r"""Small where each point is nearer to its own place in the other view than to the other places.

    $$ \ell_q = -\log \frac{\exp(\bar p_q^\top \bar z_q / T)}{\sum_r \exp(\bar p_q^\top \bar z_r / T)} $$

    over the points r of the same sample, as in the local loss of [chaitanya2020contrastive]; with unit
    vectors $\bar p, \bar z$ and the temperature T of [oord2018cpc].

    Args:
        query: p, (B, Q, C), float.
        key: z, (B, Q, C), at the same points of the other view. No gradient goes through it.
        valid: bool (B, Q), True where a point counts, as a query and as a negative; by default all do.
        temperature: T > 0. The paper: 0.1.
        pooled: whether the points of all samples are negatives of each other.

    Returns:
        (B, Q) in the dtype of the queries, 0 or more; near 0 for a perfect prediction if T is small, log Q
        for keys that are all alike. `reduce(values, valid)` is the mean over the points that count.

    Empty and ignored:
        What a point that does not count holds changes neither value nor gradient; its own value is 0. A
        single point has no negative and the value 0.

    Cost:
        Time O(B Q² C) and a map of B Q² similarities; (B Q)² if pooled.

    Differs from:
        Contrast with a memory queue: negatives are those of the batch. The paper matches regions of 3 × 3
        voxels of a decoder.

    Raises:
        DataError: shapes do not fit.
        ConfigError: the temperature is not positive.

    Example:
        >>> alike = torch.ones(1, 8, 4)
        >>> round(float(local_info_nce(alike, alike)[0, 0].exp()), 4)
        8.0
    """
    _check_temperature(temperature)
    valid = check_rows(query, key, valid)
    shape = valid.shape
    p, z = (as_exact(each, valid) for each in (query, key.detach()))
    if pooled:
        p, z, valid = p.flatten(0, 1)[None], z.flatten(0, 1)[None], valid.flatten()[None]
    similarity = cosine_similarities(p, z, eps=EPS) / temperature
    similarity = similarity.masked_fill(~valid[:, None], -torch.inf)
    # A row that does not count has nothing to be compared with but itself: its value is then 0.
    own = torch.eye(similarity.shape[-1], dtype=torch.bool, device=similarity.device) & ~valid[..., None]
    similarity = similarity.masked_fill(own, 0.0).masked_fill(~valid[..., None] & ~own, -torch.inf)
    values = torch.logsumexp(similarity, -1) - similarity.diagonal(dim1=-2, dim2=-1)
    return values.reshape(shape).to(query.dtype)


def nt_xent(first: Tensor, second: Tensor, *, temperature: float = 0.1) -> Tensor:
    r"""Small where the two views of an image are nearer to each other than to the views of other images.

    $$ \ell_i = -\log
    \frac{\exp(\bar z_i^\top \bar z_{i'} / T)}{\sum_{j \ne i} \exp(\bar z_i^\top \bar z_j / T)} $$

    over all 2B views, i' being the other view of image i: the loss of SimCLR [chen2020simclr].

    Args:
        first: (B, C), float; a gradient goes through both.
        second: (B, C).
        temperature: T > 0. The paper: 0.1 to 0.5, by the data set.

    Returns:
        (2B,) in the dtype of the input, first views first; their mean is the loss. log(2B − 1) for vectors
        that are all alike; near 0 for a perfect prediction if T is small.

    Empty and ignored:
        Nothing is ignored. One image alone has no negative: value and gradient are 0.

    Cost:
        Time O(B² C) and a map of 4B² similarities.

    Differs from:
        `lightly.loss.NTXentLoss`, which gives the mean and can gather other processes: here each process
        contrasts its own rows.

    Raises:
        DataError: shapes do not fit.
        ConfigError: the temperature is not positive.

    Example:
        >>> alike = torch.ones(4, 3)
        >>> round(float(nt_xent(alike, alike)[0].exp()), 4)
        7.0
    """
    _check_temperature(temperature)
    if first.ndim != 2 or first.shape != second.shape:
        raise DataError(
            f"pooled features must be (B, C) twice, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    rows = torch.cat([first, second])
    similarity = cosine_similarities(rows, eps=EPS) / temperature
    similarity = similarity.masked_fill(
        torch.eye(len(rows), dtype=torch.bool, device=rows.device), -torch.inf
    )
    partner = torch.arange(len(rows), device=rows.device).roll(len(first))
    return F.cross_entropy(similarity, partner, reduction="none").to(first.dtype)


def dense_contrast(
    query: Tensor,
    key: Tensor,
    query_features: Tensor,
    key_features: Tensor,
    *,
    temperature: float = 0.2,
) -> Tensor:
    r"""Small where each cell is near the cell of the other view that looks most like it, and far from others.

    $$ \ell_i = -\log \frac{\exp(\bar p_i^\top \bar z_{c_i} / T)}
    {\exp(\bar p_i^\top \bar z_{c_i} / T) + \sum_n \exp(\bar p_i^\top \bar n / T)}, \qquad
    c_i = \arg\max_j \bar f_i^\top \bar f'_j $$

    as in DenseCL [wang2021densecl]: the partner is found by the features f of the backbone, not by the known
    place; negatives n are the mean keys of the other samples.

    Args:
        query: p, (B, Q, C), float, at cells of the first view.
        key: z, (B, Q, C), at cells of the second view. No gradient goes through it.
        query_features: f, (B, Q, C'), of the backbone at the same cells.
        key_features: f', (B, Q, C').
        temperature: T > 0. The paper: 0.2.

    Returns:
        (B, Q) in the dtype of the queries; their mean is the loss. Near 0 for a perfect prediction.

    Empty and ignored:
        Nothing is ignored: value and gradient are of all cells. A batch of one has no negatives and is
        refused.

    Cost:
        Time O(B Q² C') for the partners and a map of B Q (Q + B) similarities.

    Differs from:
        The paper's code, whose negatives are a queue of 65,536 earlier mean keys: here those of the batch.

    Raises:
        DataError: shapes do not fit, or there is only one sample.
        ConfigError: the temperature is not positive.

    Example:
        >>> views = torch.eye(4)[None].repeat(2, 1, 1) * torch.tensor([1.0, -1.0])[:, None, None]
        >>> bool((dense_contrast(views, views.flip(1), views, views.flip(1)) < 0.01).all())
        True
    """
    _check_temperature(temperature)
    for one, other in ((query, key), (query_features, key_features)):
        check_rows(one, other, None)
    if len(query) < 2 or query.shape[:2] != query_features.shape[:2]:
        raise DataError(
            f"dense contrast needs two samples or more with as many features as queries, got queries "
            f"{tuple(query.shape)} and features {tuple(query_features.shape)}"
        )
    exact = torch.promote_types(query.dtype, torch.float32)
    with torch.no_grad():
        partner = cosine_similarities(query_features, key_features).argmax(-1)
    with torch.autocast(query.device.type, enabled=False):
        p = F.normalize(query.to(exact), dim=-1, eps=EPS)
        z = key.detach().to(exact)
        means = F.normalize(z.mean(1), dim=-1, eps=EPS)
        z = F.normalize(z, dim=-1, eps=EPS).gather(1, partner[..., None].expand_as(z))
        positive = (p * z).sum(-1, keepdim=True)
        negative = p @ means.mT
    own = torch.eye(len(query), dtype=torch.bool, device=query.device)[:, None]
    scores = torch.cat([positive, negative.masked_fill(own, -torch.inf)], -1) / temperature
    return (torch.logsumexp(scores, -1) - scores[..., 0]).to(query.dtype)


def _check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise ConfigError(f"the temperature of a contrastive loss must be positive, got {temperature}")
