"""Focal loss: voxels that are nearly right weigh less."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.loss_envelope.peers.of_entropy import voxel_mean, voxel_values


def focal(logits: Tensor, labels: Tensor, *, valid: Tensor | None = None, gamma: float = 2.0) -> Tensor:
    r"""Small where the labelled class has a high probability; what is right already hardly counts.

    $$\ell_i = -(1 - p_i)^\gamma \log p_i, \qquad
    \frac{\partial \ell_i}{\partial z_i} = \bigl[(1-p_i)^\gamma - \gamma\, p_i (1-p_i)^{\gamma-1} \log p_i
    \bigr]\, \frac{\partial\,\mathrm{CE}_i}{\partial z_i}$$

    with p_i the softmax probability of the label; equation 4 of [lin2017focal]. A large loss is taken for a
    lesson: the weight in brackets is near 1 for a hopeless voxel and near 0 for one that is right.

    Args:
        logits: (B, K, *S), any floating dtype, any real numbers, K ≥ 2. *S may be empty (gathered voxels).
        labels: (B, *S), integers in 0 … K−1, or IGNORE = −1.
        valid: (B, *S), bool, True where the voxel counts; by default wherever the label is not IGNORE.
        gamma: γ ≥ 0, no unit; 0 is cross-entropy. The paper's value is 2, as is ours.

    Returns:
        (B, *S), in the dtype of the logits, in [0, ∞); 0 for a perfect prediction. `reduce(values, valid)`
        is the mean over valid voxels.

    Empty and ignored:
        A voxel that does not count has value 0 and gradient 0. If none counts, the reduced loss is 0 and its
        gradient 0, connected to the logits.

    Cost:
        Time O(N K); one map of the size of the logits and five numbers per voxel are kept for the gradient,
        for N voxels and K classes.

    Differs from:
        The paper, which weighs the classes with α = 0.25 and divides by the number of anchors that are
        assigned to an object. The focal losses of MONAI and of segmentation-models-pytorch take a sum of K
        sigmoids for several classes by default; this one is a softmax.

    Raises:
        DataError: shapes or dtypes do not fit, or a label is outside 0 … K−1.
        ConfigError: γ is negative.

    Example:
        >>> logits = torch.tensor([[[0.0, 4.0], [0.0, 0.0]]])  # one image, two classes, two voxels
        >>> focal(logits, torch.tensor([[1, 0]]))  # ¼ log 2; 0.018² · 0.018
        tensor([[1.7329e-01, 5.8716e-06]])
    """
    return voxel_values(partial(_focal, gamma=_checked(gamma)), logits, labels, valid)


def _focal(entropy: Tensor, *, gamma: float) -> Tensor:
    # 1 − p, without cancellation. At p = 1 a power below 1 would have an infinite derivative times zero.
    miss = (-torch.expm1(-entropy)).clamp(min=torch.finfo(entropy.dtype).tiny)
    return miss**gamma * entropy


def _checked(gamma: float) -> float:
    if not gamma >= 0:
        raise ConfigError(f"gamma of the focal loss must not be negative, got {gamma}")
    return gamma


class FocalLoss(nn.Module):
    """Mean of `focal` over the voxels that count.

    Args:
        gamma: γ ≥ 0; 0 is cross-entropy.

    Raises:
        ConfigError: γ is negative.

    Example:
        >>> labels = torch.zeros(1, 2, 2, dtype=torch.int64)
        >>> round(float(FocalLoss()(torch.zeros(1, 2, 2, 2), labels)), 4)
        0.1733
    """

    def __init__(self, *, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = _checked(gamma)

    def forward(self, logits: Tensor, labels: Tensor, valid: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; arguments as in `focal`."""
        return voxel_mean(partial(_focal, gamma=self.gamma), logits, labels, valid)
