r"""Consistency after pixel propagation (PixPro): many cells of one view to the near cells of the other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError, DataError
from segkit.local_ssl.cells import Cells
from segkit.local_ssl.consistency import EPS, check_rows
from segkit.local_ssl.placing import Placement
from segkit.losses import cosine_similarities


def propagate(features: Tensor, transformed: Tensor, *, sharpness: float = 2.0) -> Tensor:
    r"""Each cell's mixture of all that look like it: $y_i = \sum_j \max(\cos(x_i, x_j), 0)^\gamma g(x_j)$.

    Args:
        features: x, (B, Q, C), float.
        transformed: g(x), (B, Q, C).
        sharpness: γ > 0; [xie2021pixpro] has 2.

    Returns:
        y, (B, Q, C), in at least float32.

    Example:
        >>> x = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
        >>> propagate(x, x + 1)
        tensor([[[2., 1.],
                 [1., 2.]]])
    """
    check_rows(features, transformed, None)
    if not sharpness > 0:
        raise ConfigError(f"the sharpness of pixel propagation must be positive, got {sharpness}")
    weights = cosine_similarities(features, eps=EPS).clamp(min=0) ** sharpness
    with torch.autocast(features.device.type, enabled=False):
        return weights @ transformed.to(weights.dtype)


def near_pairs(
    first: Placement, second: Placement, points: tuple[Tensor, Tensor], cells: Cells, *, within: float = 0.7
) -> Tensor:
    """Which points of two views are near each other in the volume.

    Args:
        first: places of the first views.
        second: places of the second views.
        points: of the first and of the second views, (B, Q, D) and (B, R, D), in voxels of the volume.
        cells: of the level, whose diagonal is the unit of the distance.
        within: in diagonals of the larger cell; [xie2021pixpro] has 0.7.

    Returns:
        bool (B, Q, R).
    """
    diagonals = []
    for place in (first, second):
        along = place.size.gather(1, place.axes) / place.size.new_tensor(place.shape)
        diagonals.append((along * along.new_tensor(cells.stride)).norm(dim=1))
    distances = torch.cdist(points[0], points[1], compute_mode="donot_use_mm_for_euclid_dist")
    return distances < within * torch.maximum(*diagonals)[:, None, None]


def pixel_consistency(prediction: Tensor, target: Tensor, near: Tensor) -> Tensor:
    r"""Small where propagated cells point where the near cells of the other view do.

    $$ \ell_i = \frac1{|N_i|}\sum_{j \in N_i} \bigl(2 - 2\,\bar y_i^\top \bar x'_j\bigr) $$

    over the cells $N_i$ of the other view that lie within the distance of [xie2021pixpro].

    Args:
        prediction: y, (B, Q, C), float: `propagate`'s result.
        target: x', (B, R, C), of the other view. No gradient goes through it.
        near: bool (B, Q, R), `near_pairs`. The paper: within 0.7 diagonals of a cell.

    Returns:
        (B, Q) in the dtype of the prediction, in [0, 4]; 0 for a perfect prediction, and 0 where a cell has
        no near one. `reduce(values, near.any(2))` is the mean over the cells that have one.

    Empty and ignored:
        A cell that is near to none changes neither value nor gradient.

    Cost:
        Time O(B Q R C) and a map of B Q R similarities.

    Differs from:
        The paper, whose mean is over all pairs of a sample: here each cell weighs the same.

    Raises:
        DataError: shapes do not fit.

    Example:
        >>> y, x = torch.tensor([[[2.0, 0.0]]]), torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
        >>> pixel_consistency(y, x, torch.tensor([[[True, True]]]))
        tensor([[1.]])
    """
    shape = (*prediction.shape[:2], *target.shape[1:2])
    fits = prediction.ndim == target.ndim == 3 and prediction.shape[::2] == target.shape[::2]
    if not fits or near.shape != shape or near.dtype != torch.bool:
        raise DataError(
            "pixel consistency needs (B, Q, C), (B, R, C) and bool (B, Q, R), got "
            f"{tuple(prediction.shape)}, {tuple(target.shape)} and {near.dtype} {tuple(near.shape)}"
        )
    exact = torch.promote_types(prediction.dtype, torch.float32)
    with torch.autocast(prediction.device.type, enabled=False):
        y, x = (F.normalize(each.to(exact), dim=-1, eps=EPS) for each in (prediction, target.detach()))
        # The mean of the cosines is the cosine with the mean of the unit vectors: no map of pairs is kept.
        count = near.sum(-1)
        mean = near.to(exact) @ x / count.clamp(min=1)[..., None]
        values = 2 - 2 * (y * mean).sum(-1)
    return values.masked_fill(count == 0, 0).to(prediction.dtype)
