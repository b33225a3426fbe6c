"""Generalized cross-entropy: the Box-Cox transform between cross-entropy and the mean absolute error."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.loss_envelope.peers.of_entropy import voxel_mean, voxel_values


def generalized_cross_entropy(
    logits: Tensor, labels: Tensor, *, valid: Tensor | None = None, q: float = 0.7
) -> Tensor:
    r"""Small where the labelled class has a high probability; what looks wrong altogether hardly counts.

    $$\ell_i = \frac{1 - p_i^q}{q}, \qquad
    \frac{\partial \ell_i}{\partial z_i} = p_i^q\, \frac{\partial\,\mathrm{CE}_i}{\partial z_i}$$

    with p_i the softmax probability of the label; equation 6 of [zhang2018generalized]. A large loss is taken
    for a wrong label: the weight p^q falls to 0 where the net contradicts it. Trimming is the same idea with
    a threshold that adapts to the ranks of the losses.

    Args:
        logits: (B, K, *S), any floating dtype, any real numbers, K ≥ 2. *S may be empty (gathered voxels).
        labels: (B, *S), integers in 0 … K−1, or IGNORE = −1.
        valid: (B, *S), bool, True where the voxel counts; by default wherever the label is not IGNORE.
        q: in (0, 1], no unit; q → 0 is cross-entropy, q = 1 half of the mean absolute error of the
            probabilities. The paper's value is 0.7, as is ours.

    Returns:
        (B, *S), in the dtype of the logits, in [0, 1/q]; 0 for a perfect prediction. `reduce(values, valid)`
        is the mean over valid voxels.

    Empty and ignored:
        A voxel that does not count has value 0 and gradient 0. If none counts, the reduced loss is 0 and its
        gradient 0, connected to the logits.

    Cost:
        Time O(N K); one map of the size of the logits and one number per voxel are kept for the gradient,
        for N voxels and K classes.

    Differs from:
        The paper's code, which raises the probabilities themselves to the power q and so loses the gradient
        where p underflows; its truncated form, which also prunes voxels with p ≤ ½, is not here.

    Raises:
        DataError: shapes or dtypes do not fit, or a label is outside 0 … K−1.
        ConfigError: q is outside (0, 1].

    Example:
        >>> logits = torch.tensor([[[0.0, 4.0], [0.0, 0.0]]])  # one image, two classes, two voxels
        >>> generalized_cross_entropy(logits, torch.tensor([[1, 0]]), q=1.0)  # 1 − p
        tensor([[0.5000, 0.0180]])
    """
    return voxel_values(partial(_box_cox, q=_checked(q)), logits, labels, valid)


def _box_cox(entropy: Tensor, *, q: float) -> Tensor:
    return torch.expm1(-q * entropy) / -q


def _checked(q: float) -> float:
    if not 0 < q <= 1:
        raise ConfigError(f"q of the generalized cross-entropy must lie in (0, 1], got {q}")
    return q


class GeneralizedCELoss(nn.Module):
    """Mean of `generalized_cross_entropy` over the voxels that count.

    Args:
        q: in (0, 1].

    Raises:
        ConfigError: q is outside (0, 1].

    Example:
        >>> labels = torch.zeros(1, 2, 2, dtype=torch.int64)
        >>> round(float(GeneralizedCELoss(q=1.0)(torch.zeros(1, 2, 2, 2), labels)), 4)
        0.5
    """

    def __init__(self, *, q: float = 0.7) -> None:
        super().__init__()
        self.q = _checked(q)

    def forward(self, logits: Tensor, labels: Tensor, valid: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; arguments as in `generalized_cross_entropy`."""
        return voxel_mean(partial(_box_cox, q=self.q), logits, labels, valid)
