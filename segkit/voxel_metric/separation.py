r"""How well classes are told apart by embeddings alone: nearest class mean, and silhouette.

A metric branch claims to make the features of voxels more discriminative. These two numbers test the claim
itself, on voxels of images that were not trained on and with class means from images that were.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import DataError
from segkit.losses.inputs import IGNORE


def class_means(embeddings: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """The mean direction of each class on the unit sphere.

    Args:
        embeddings: float, shape `(M, d)`, of any length; of training voxels.
        labels: integers, shape `(M,)`; IGNORE = −1 is left out.
        n_classes: classes K.

    Returns:
        float32, shape `(K, d)`, of length 1; NaN for a class without voxels.

    Raises:
        DataError: shapes do not fit.

    Example:
        >>> class_means(torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([1, 0]), 2)
        tensor([[0., 1.],
                [1., 0.]])
    """
    _check(embeddings, labels)
    z = F.normalize(embeddings.float(), dim=1)
    return torch.stack(
        [
            F.normalize(own.mean(0), dim=0) if len(own) else torch.full((z.shape[1],), torch.nan)
            for own in (z[labels == k] for k in range(n_classes))
        ]
    )


def nearest_class_mean(embeddings: Tensor, means: Tensor) -> Tensor:
    """The class whose mean is nearest to each embedding on the unit sphere.

    Args:
        embeddings: float, shape `(M, d)`, of any length.
        means: from `class_means`; a class without one is never the nearest.

    Returns:
        int64, shape `(M,)`.

    Example:
        >>> nearest_class_mean(torch.tensor([[5.0, 1.0], [0.1, 0.2]]), torch.eye(2))
        tensor([0, 1])
    """
    cosines = F.normalize(embeddings.float(), dim=1) @ means.float().T
    return cosines.masked_fill(means.isnan().any(1), -torch.inf).argmax(1)


def silhouette(embeddings: Tensor, labels: Tensor) -> Tensor:
    r"""$(b - a) / \max(a, b)$ of each row, as in [rousseeuw1987silhouettes]: a is its mean distance to the
    others of its class, b that to the nearest other class.

    Distances are those on the unit sphere, $\sqrt{2 - 2 z_i^\top z_j}$. Near 1 a class is compact and far
    from others; at 0 it is not told apart; below 0 another class is nearer.

    Args:
        embeddings: float, shape `(M, d)`, of any length; a matrix of M × M is made, so draw a bounded sample.
        labels: integers, shape `(M,)`; rows labelled IGNORE = −1 take no part.

    Returns:
        float32, shape `(M,)`; 0 for a row that is alone in its class, NaN for ignored rows and if there are
        no two classes.

    Raises:
        DataError: shapes do not fit.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> silhouette(z, torch.tensor([0, 0, 1, 1]))
        tensor([1., 1., 1., 1.])
    """
    _check(embeddings, labels)
    out = torch.full((len(labels),), torch.nan)
    used = (labels != IGNORE).nonzero()[:, 0]
    z = F.normalize(embeddings[used].double(), dim=1)
    classes, own = labels[used].unique(return_inverse=True)
    if len(classes) < 2:
        return out
    distance = (2 - 2 * z @ z.T).clamp(min=0).sqrt()
    distance.fill_diagonal_(0)
    member = F.one_hot(own).double()
    sizes = member.sum(0)
    sums = distance @ member
    rows = torch.arange(len(used))
    within = sums[rows, own] / (sizes[own] - 1).clamp(min=1)
    between = (sums / sizes).masked_fill(member.bool(), torch.inf).amin(1)
    value = (between - within) / torch.maximum(within, between).clamp(min=1e-12)
    out[used] = torch.where(sizes[own] > 1, value, 0).float()
    return out


def _check(embeddings: Tensor, labels: Tensor) -> None:
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise DataError(
            f"embeddings must be (M, d) with M labels, got {tuple(embeddings.shape)} and "
            f"{tuple(labels.shape)}"
        )
