r"""Distances and similarities between all rows of two tables, from one matrix product.

With the Gram matrix $G_{ij}=x_i^\top y_j$ the squared distance is $D_{ij}=\|x_i\|^2+\|y_j\|^2-2\,G_{ij}$: one
product of an N × C by a C × M matrix in place of N · M differences of length C. What the formula costs is
digits: distances that are small beside the norms drown in rounding. Both tables are therefore shifted by the
mean row, which changes no distance, and nothing here runs in half precision, also under autocast.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from segkit.errors import DataError


def squared_distances(rows: Tensor, others: Tensor | None = None) -> Tensor:
    r"""$D_{ij} = \|x_i - y_j\|^2$ for all pairs of rows.

    Args:
        rows: x, float, shape `(*R, N, C)`.
        others: y, shape `(*R, M, C)`; by default the rows themselves.

    Returns:
        Shape `(*R, N, M)`, not negative, in float32, or float64 for float64 rows. Of rows with themselves it
        is symmetric up to rounding, with a diagonal of exactly 0. The gradient, $2\,(x_i - y_j)$ for $x_i$,
        is 0 where two rows coincide; it is written by hand and can be differentiated only once.

    Cost: time O(N M C); one matrix of N × M numbers. For the gradient only the rows are kept.

    Raises:
        DataError: shapes do not fit, or the rows are not floating point.

    Example:
        >>> squared_distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
        tensor([[ 0., 25.],
                [25.,  0.]])
    """
    x, y = _tables(rows, others)
    with torch.autocast(x.device.type, enabled=False):
        result: Tensor = _SquaredDistances.apply(x, y, others is None)
    return result


def cosine_similarities(rows: Tensor, others: Tensor | None = None, *, eps: float = 1e-6) -> Tensor:
    r"""$s_{ij} = x_i^\top y_j / (\|x_i\|\,\|y_j\|)$ for all pairs of rows; $D = 2 - 2s$ on the unit sphere.

    Args:
        rows: x, float, shape `(*R, N, C)`.
        others: y, shape `(*R, M, C)`; by default the rows themselves.
        eps: smallest norm that is divided by, so that a row of zeros has similarity 0 to everything.

    Returns:
        Shape `(*R, N, M)`, in [−1, 1] up to rounding, in float32, or float64 for float64 rows.

    Cost: time O(N M C); one matrix of N × M numbers.

    Raises:
        DataError: as `squared_distances`.

    Example:
        >>> cosine_similarities(torch.tensor([[2.0, 0.0], [0.0, 1.0], [-3.0, 0.0]]))[0]
        tensor([ 1.,  0., -1.])
    """
    x, y = _tables(rows, others)
    with torch.autocast(x.device.type, enabled=False):
        a = F.normalize(x, dim=-1, eps=eps)
        return a @ (a if others is None else F.normalize(y, dim=-1, eps=eps)).mT


def _tables(rows: Tensor, others: Tensor | None) -> tuple[Tensor, Tensor]:
    """Both tables in at least float32 and in one dtype."""
    given = rows if others is None else others
    fits = rows.ndim >= 2 and rows.shape[:-2] == given.shape[:-2] and rows.shape[-1] == given.shape[-1]
    if not fits or not (rows.is_floating_point() and given.is_floating_point()):
        raise DataError(
            "rows must be floating point of shape (*R, N, C), and others (*R, M, C); got "
            f"{rows.dtype} {tuple(rows.shape)} and {given.dtype} {tuple(given.shape)}"
        )
    dtype = torch.promote_types(torch.promote_types(rows.dtype, given.dtype), torch.float32)
    return rows.to(dtype), given.to(dtype)


class _SquaredDistances(torch.autograd.Function):
    """The matrix and its gradient; the matrix itself is not kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, same: bool) -> Tensor:
        centre = x.mean(-2, keepdim=True) if x.shape[-2] else x.new_zeros(())
        x = x - centre
        y = x if same else y - centre
        ctx.save_for_backward(x, y)
        ctx.same = same
        out = (x @ y.mT).mul_(-2).add_(y.square().sum(-1)[..., None, :]).add_(x.square().sum(-1)[..., None])
        if same:
            out.diagonal(dim1=-2, dim2=-1).zero_()
        return out.clamp_(min=0)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = gradients
        x, y = ctx.saved_tensors
        with torch.autocast(x.device.type, enabled=False):
            to_x = 2 * (x * grad.sum(-1)[..., None] - grad @ y)
            to_y = 2 * (y * grad.sum(-2)[..., None] - grad.mT @ x)
        # Of rows with themselves x and y are one input that was given twice: autograd adds the two up.
        return to_x, to_y, None
