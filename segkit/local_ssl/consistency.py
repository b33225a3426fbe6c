r"""Local consistency: the distance of two sets of features, point by point, on the unit sphere.

Of unit vectors $\bar a, \bar b$ the squared distance is $2-2\,\bar a^\top\bar b$, in [0, 4]. Features are
normalised after they were read at the points: a linear mixture of unit vectors is no unit vector.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import DataError, unknown_name
from segkit.losses import reduce

Norm = Literal["voxel", "map"]
NORMS = ("voxel", "map")
EPS = 1e-6
"""Smallest norm that is divided by: a vector of zeros has distance 2 to everything."""


def local_consistency(
    prediction: Tensor, target: Tensor, *, valid: Tensor | None = None, norm: Norm = "voxel"
) -> Tensor:
    r"""Small where, at each point, the prediction from one view points where the target from the other does.

    $$ \ell_q = 2 - 2\,\frac{p_q^\top z_q}{\|p_q\|\,\|z_q\|} \quad\text{("voxel")},\qquad
    \ell = 2 - 2\,\frac{\sum_q p_q^\top z_q}{\sqrt{\sum_q\|p_q\|^2\,\sum_q\|z_q\|^2}}\quad\text{("map")} $$

    The paper [xie2020pgl] states a voxel-wise discrepancy of aligned maps; a re-implementation has the second
    form, the loss of [grill2020byol] on flattened maps, in which a point weighs as much as its norms. With
    pooled vectors, Q = 1, both are that of [grill2020byol].

    Args:
        prediction: p, (B, Q, C), float.
        target: z, (B, Q, C). No gradient goes through it.
        valid: bool (B, Q), True where a point counts; by default all do.
        norm: "voxel" normalises at each point (ours), "map" over all points of a sample (not told by the
            paper).

    Returns:
        Distances (B, Q), or (B,) for "map", in the dtype of the prediction, in [0, 4]; 0 for a perfect
        prediction, 2 for an orthogonal one. `reduce(distances, valid)` is the mean over the points that
        count; of "map", over the samples that have one.

    Empty and ignored:
        What a point that does not count holds, even NaN, changes neither value nor gradient; its own value is
        0. A vector of zeros has the value 2 and a finite gradient.

    Cost:
        Time O(B Q C), about two maps of the size of the prediction.

    Differs from:
        `lightly.loss.NegativeCosineSimilarity`, which has −cos, no mask, and leaves it to its caller to stop
        the gradient.

    Raises:
        DataError: shapes do not fit.
        ConfigError: an unknown norm.

    Example:
        >>> prediction = torch.tensor([[[3.0, 0.0], [1.0, 0.0]]])
        >>> local_consistency(prediction, torch.tensor([[[1.0, 0.0], [0.0, 2.0]]]))
        tensor([[0., 2.]])
    """
    if norm not in NORMS:
        raise unknown_name("norm", norm, NORMS)
    valid = check_rows(prediction, target, valid)
    p, z = (as_exact(each, valid) for each in (prediction, target.detach()))
    if norm == "map":
        p, z = p.flatten(1), z.flatten(1)
    with torch.autocast(p.device.type, enabled=False):
        cosine = (F.normalize(p, dim=-1, eps=EPS) * F.normalize(z, dim=-1, eps=EPS)).sum(-1)
    counts = valid.any(1) if norm == "map" else valid
    return (2 - 2 * cosine).masked_fill(~counts, 0).to(prediction.dtype)


def mean_consistency(
    prediction: Tensor, target: Tensor, *, valid: Tensor | None = None, norm: Norm = "voxel"
) -> Tensor:
    """The mean of `local_consistency` over what counts: a scalar; arguments as there.

    Zero, with a gradient of zero, if no point counts.

    Example:
        >>> points = torch.randn(2, 5, 3)
        >>> float(mean_consistency(points, 7 * points)) < 1e-5
        True
    """
    values = local_consistency(prediction, target, valid=valid, norm=norm)
    if valid is None or norm == "voxel":
        return reduce(values, valid)
    return reduce(values, valid.any(1))


def symmetric_consistency(
    predictions: tuple[Tensor, Tensor],
    targets: tuple[Tensor, Tensor],
    *,
    valid: Tensor | None = None,
    norm: Norm = "voxel",
) -> Tensor:
    r"""Each view predicts the other: $½\,\bigl(L(p_1, z_2) + L(p_2, z_1)\bigr)$, a scalar.

    Args:
        predictions: of the first and of the second view, (B, Q, C) each.
        targets: of the first and of the second view, (B, Q, C) each.
        valid: bool (B, Q).
        norm: as in `local_consistency`.

    Example:
        >>> one, other = torch.randn(2, 1, 4, 3)
        >>> bool(symmetric_consistency((one, other), (other, one)) < 1e-5)
        True
    """
    first = mean_consistency(predictions[0], targets[1], valid=valid, norm=norm)
    return 0.5 * (first + mean_consistency(predictions[1], targets[0], valid=valid, norm=norm))


def check_rows(prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
    """The mask (B, Q), all True if none was given.

    Raises:
        DataError: two tables are not (B, Q, C) of one shape, or the mask is not bool (B, Q).
    """
    if prediction.ndim != 3 or prediction.shape != target.shape or not prediction.is_floating_point():
        raise DataError(
            "features at points must be floating point of one shape (B, Q, C), got "
            f"{prediction.dtype} {tuple(prediction.shape)} and {target.dtype} {tuple(target.shape)}"
        )
    if valid is None:
        return torch.ones(prediction.shape[:2], dtype=torch.bool, device=prediction.device)
    if valid.shape != prediction.shape[:2] or valid.dtype != torch.bool:
        raise DataError(
            f"valid must be bool of shape {tuple(prediction.shape[:2])}, got {valid.dtype} of shape "
            f"{tuple(valid.shape)}"
        )
    return valid


def as_exact(rows: Tensor, valid: Tensor) -> Tensor:
    """Rows in at least float32, zeros where they do not count."""
    return rows.to(torch.promote_types(rows.dtype, torch.float32)).masked_fill(~valid[..., None], 0)
