"""T-loss: the errors of a whole image as one draw of a Student-t distribution with a learned tail."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from segkit.errors import ConfigError
from segkit.losses import reduce
from segkit.losses.inputs import Rows, as_rows


def t_loss(
    logits: Tensor, labels: Tensor, *, valid: Tensor | None = None, nu: float | Tensor = 1.0
) -> Tensor:
    r"""Small where the probabilities of a whole image are near its labels; gross errors count by their log.

    $$\ell = \frac1D \Bigl[\frac{\nu+D}{2} \log\Bigl(1 + \frac{\lVert\delta\rVert^2}{\nu}\Bigr)
    + \log\frac{\Gamma(\nu/2)}{\Gamma((\nu+D)/2)} + \frac D2 \log(\pi\nu)\Bigr], \qquad
    \lVert\delta\rVert^2 = \frac12 \sum_{i,k} (p_{ik} - y_{ik})^2$$

    over the N voxels of one image that count, D = N (K − 1): the negative log-likelihood of
    [gonzalezjimenez2023tloss], for each coordinate of the error. Its gradient by ‖δ‖² is
    (1 + ν/D) / 2(ν + ‖δ‖²): an image with large errors weighs less, within it all squared errors alike.

    Args:
        logits: (B, K, *S), any floating dtype, any real numbers, K ≥ 2. Gathered voxels would be images of
            one voxel each.
        labels: (B, *S), integers in 0 … K−1, or IGNORE = −1.
        valid: (B, *S), bool, True where the voxel counts; by default wherever the label is not IGNORE.
        nu: ν > 0, degrees of freedom; a number, or a scalar tensor that may want a gradient. The paper learns
            it, and so does `TLoss`; its code begins at e, ours at 1.

    Returns:
        (B,) in the dtype of the logits, any real numbers. A perfect prediction has the smallest value, the
        two last terms, which is not 0 and falls without end as ν → 0. The loss is the mean over the images
        that have a valid voxel.

    Empty and ignored:
        A voxel that does not count is neither in ‖δ‖² nor in N: value and gradient are those of the image
        without it. Without any valid voxel the value is 0 and its gradient 0, connected to the logits.

    Cost:
        Time O(N K) and one map of the size of the logits kept for the gradient, for N voxels and K classes.
        The gradient is written by hand and can be differentiated only once.

    Differs from:
        The paper, which has one foreground class with a sigmoid; with two classes ‖δ‖² and D are the same.
        It does not divide by D, so that its gradient grows with the image. Its code scales the squared errors
        by a constant e and asks for the size of the images beforehand.

    Raises:
        DataError: shapes or dtypes do not fit, or a label is outside 0 … K−1.
        ConfigError: ν is a number and not positive.

    Example:
        >>> t_loss(torch.zeros(1, 2, 1), torch.tensor([[1]]))  # Cauchy: log(1 + ¼) + log π
        tensor([1.3679])
    """
    if not isinstance(nu, Tensor):
        nu = torch.tensor(_checked(nu), dtype=torch.float64)
    return _values(as_rows(logits, labels, valid), nu)[0].to(logits.dtype)


def _values(rows: Rows, nu: Tensor) -> tuple[Tensor, Tensor]:
    """The values of `t_loss` in float64, (B,), and which images have a voxel, (B,)."""
    errors = _SquaredErrors.apply(*rows).double()
    batch, classes, voxels = rows.logits.shape
    n = errors.new_full((batch,), voxels) if rows.counts is None else rows.counts.sum(1).double()
    d, nu = n * (classes - 1), nu.to(errors)
    # Terms of the size of D cancel each other: in float32 a volume of 10⁶ voxels would lose the difference.
    spread = (nu + d) / 2 * torch.log1p(errors / nu)
    norm = torch.lgamma(nu / 2) - torch.lgamma((nu + d) / 2) + d / 2 * torch.log(math.pi * nu)
    return (spread + norm) / d.clamp(min=1), n > 0


class _SquaredErrors(torch.autograd.Function):
    """½ Σ (p − y)² over the voxels and classes of each image. Keeps p − y, one map."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, counts: Tensor | None) -> Tensor:
        index = labels.clamp(min=0)[:, None]
        delta = torch.softmax(logits, dim=1)
        delta.scatter_add_(1, index, delta.new_full((1, 1, 1), -1.0).expand(index.shape))
        if counts is not None:
            delta.masked_fill_(~counts[:, None], 0)
        ctx.save_for_backward(delta, index)
        return delta.square().sum((1, 2)) / 2

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        delta, index = ctx.saved_tensors
        # ∂/∂z_k = p_k (δ_k − Σ_j p_j δ_j) with p = δ + y. An ignored voxel has δ = 0 and so no gradient.
        probs = delta.scatter_add(1, index, delta.new_ones(1, 1, 1).expand(index.shape))
        shared = (probs * delta).sum(1, keepdim=True)
        return probs.mul_(delta - shared).mul_(gradients[0][:, None, None]), None, None


def _checked(nu: float) -> float:
    if not 0 < nu < math.inf:
        raise ConfigError(f"nu of the T-loss, its degrees of freedom, must be positive, got {nu}")
    return nu


class TLoss(nn.Module):
    """Mean of `t_loss` over the images of a batch; ν is a parameter, so give it to the optimiser.

    Args:
        nu: ν > 0 at the start. Its logarithm is learned.

    Raises:
        ConfigError: ν is not positive.

    Example:
        >>> loss = TLoss()
        >>> loss(torch.zeros(1, 2, 4), torch.zeros(1, 4, dtype=torch.int64)).backward()
        >>> round(loss.nu.item(), 3), loss.log_nu.grad is not None
        (1.0, True)
    """

    def __init__(self, *, nu: float = 1.0) -> None:
        super().__init__()
        self.log_nu = nn.Parameter(torch.tensor(math.log(_checked(nu))))

    @property
    def nu(self) -> Tensor:
        """The degrees of freedom as they are now."""
        return self.log_nu.exp()

    def forward(self, logits: Tensor, labels: Tensor, valid: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; arguments as in `t_loss`."""
        return reduce(*_values(as_rows(logits, labels, valid), self.nu)).to(logits.dtype)
