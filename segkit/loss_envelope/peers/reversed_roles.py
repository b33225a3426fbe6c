"""Symmetric cross-entropy: cross-entropy plus its reverse, in which prediction and label change roles."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.loss_envelope.peers.of_entropy import voxel_mean, voxel_values


def symmetric_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    valid: Tensor | None = None,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
) -> Tensor:
    r"""Small where the labelled class has a high probability; a bounded part outweighs the unbounded one.

    $$\ell_i = -\alpha \log p_i - \beta \sum_k p_{ik} \log y_{ik} = -\alpha \log p_i - \beta A\,(1 - p_i),
    \qquad \frac{\partial \ell_i}{\partial z_i} = (\alpha - \beta A\, p_i)\,
    \frac{\partial\,\mathrm{CE}_i}{\partial z_i}$$

    with p_i the softmax probability of the label and A < 0 in the place of log 0; section 3 of
    [wang2019symmetric]. The reverse part is −A times the mean absolute error and forgives a voxel that
    contradicts its label; cross-entropy keeps a weight of α there, so that learning does not stall.

    Args:
        logits: (B, K, *S), any floating dtype, any real numbers, K ≥ 2. *S may be empty (gathered voxels).
        labels: (B, *S), integers in 0 … K−1, or IGNORE = −1.
        valid: (B, *S), bool, True where the voxel counts; by default wherever the label is not IGNORE.
        alpha: α ≥ 0, weight of cross-entropy, no unit. In the paper 0.1 for ten classes, as is ours.
        beta: β ≥ 0, weight of the reverse part, no unit. In the paper 1 for ten classes, as is ours.
        log_zero: A < 0, in nats. Only the product −β A matters; copies of the paper's code have log 10⁻⁴.

    Returns:
        (B, *S), in the dtype of the logits, in [0, ∞); 0 for a perfect prediction. `reduce(values, valid)`
        is the mean over valid voxels.

    Empty and ignored:
        A voxel that does not count has value 0 and gradient 0. If none counts, the reduced loss is 0 and its
        gradient 0, connected to the logits.

    Cost:
        Time O(N K); one map of the size of the logits and one number per voxel are kept for the gradient,
        for N voxels and K classes.

    Differs from:
        The paper's code, which clamps the probabilities at 10⁻⁷ and so has no gradient below; no one-hot
        labels are made here.

    Raises:
        DataError: shapes or dtypes do not fit, or a label is outside 0 … K−1.
        ConfigError: α or β is negative, or A is not.

    Example:
        >>> logits = torch.tensor([[[0.0, 4.0], [0.0, 0.0]]])  # one image, two classes, two voxels
        >>> symmetric_cross_entropy(logits, torch.tensor([[1, 0]]))  # 0.1 log 2 + 4 · ½; …
        tensor([[2.0693, 0.0738]])
    """
    change = partial(_symmetric, alpha=alpha, pull=_pull(alpha, beta, log_zero))
    return voxel_values(change, logits, labels, valid)


def _symmetric(entropy: Tensor, *, alpha: float, pull: float) -> Tensor:
    return alpha * entropy - pull * torch.expm1(-entropy)


def _pull(alpha: float, beta: float, log_zero: float) -> float:
    """−β A, after a look at the three."""
    if not (alpha >= 0 and beta >= 0 and log_zero < 0):
        raise ConfigError(
            "symmetric cross-entropy needs alpha ≥ 0, beta ≥ 0 and log_zero < 0, "
            f"got {alpha}, {beta} and {log_zero}"
        )
    return -beta * log_zero


class SymmetricCELoss(nn.Module):
    """Mean of `symmetric_cross_entropy` over the voxels that count.

    Args:
        alpha: weight of cross-entropy.
        beta: weight of the reverse part.
        log_zero: what stands for log 0.

    Raises:
        ConfigError: α or β is negative, or A is not.

    Example:
        >>> labels = torch.zeros(1, 2, 2, dtype=torch.int64)
        >>> round(float(SymmetricCELoss()(torch.zeros(1, 2, 2, 2), labels)), 4)
        2.0693
    """

    def __init__(self, *, alpha: float = 0.1, beta: float = 1.0, log_zero: float = -4.0) -> None:
        super().__init__()
        self.alpha, self.beta, self.log_zero = alpha, beta, log_zero
        self._pull = _pull(alpha, beta, log_zero)

    def forward(self, logits: Tensor, labels: Tensor, valid: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; arguments as in `symmetric_cross_entropy`."""
        change = partial(_symmetric, alpha=self.alpha, pull=self._pull)
        return voxel_mean(change, logits, labels, valid)
