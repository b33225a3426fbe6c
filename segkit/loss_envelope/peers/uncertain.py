"""Online hard example mining: the voxels that the net is not sure of, and never too few of them."""

from __future__ import annotations

import math

from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.loss_envelope.peers.hardest import checked_share, mean_of_hardest


def ohem(
    logits: Tensor,
    labels: Tensor,
    *,
    valid: Tensor | None = None,
    threshold: float = 0.7,
    keep: float = 0.2,
) -> Tensor:
    r"""Small where even the voxels that the net is not sure of give their label a high probability.

    $$L = \frac{1}{k} \sum_{r=1}^{k} \ell_{[r]}, \qquad
    k = \max\bigl(1,\ \lfloor \kappa N \rfloor,\ \#\{i : p_i < \theta\}\bigr),$$

    with the cross-entropies of all N voxels of the batch that count in descending order and p_i the softmax
    probability of the label. [shrivastava2016ohem] mines regions of an image that way; with a threshold, and
    over pixels, it is the sampler of [openmmlab2020mmseg]. A large loss is taken for a lesson.

    Args:
        logits: (B, K, *S), any floating dtype, any real numbers, K ≥ 2. *S may be empty (gathered voxels).
        labels: (B, *S), integers in 0 … K−1, or IGNORE = −1.
        valid: (B, *S), bool, True where the voxel counts; by default wherever the label is not IGNORE.
        threshold: θ in [0, 1], a probability; 0 leaves the share alone to decide. Its users take 0.7, as do
            we; the paper has none.
        keep: κ in (0, 1], share of the voxels that is kept at least, no unit. MMSegmentation keeps 100,000
            pixels for each image, a fifth of its crops of 512 × 1024.

    Returns:
        A scalar in the dtype of the logits, in [0, ∞); 0 for a perfect prediction. It is a mean over k voxels
        of the whole batch: there are no values per voxel that could be reduced image by image. Where p of a
        voxel crosses θ, k changes by one and the value jumps by about 1/k of it.

    Empty and ignored:
        A voxel that does not count is not among the N: value and gradient are those of the batch without it.
        If none counts, the value is 0 and its gradient 0, connected to the logits.

    Cost:
        Time O(N K), by selection and not by sorting; one map of the size of the logits and a few numbers per
        voxel are kept for the gradient, for N voxels and K classes.

    Differs from:
        MMSegmentation, which sorts the probabilities, and whose mean divides by all pixels of the batch, so
        that the loss becomes smaller as fewer are kept.

    Raises:
        DataError: shapes or dtypes do not fit, or a label is outside 0 … K−1.
        ConfigError: θ is outside [0, 1] or κ outside (0, 1].

    Example:
        >>> import torch
        >>> logits = torch.tensor([[[0.0, 4.0], [0.0, 0.0]]])  # one image, two classes, two voxels
        >>> ohem(logits, torch.tensor([[1, 0]]))  # p = 0.5 is below 0.7, p = 0.98 is not
        tensor(0.6931)
    """
    level = _checked(threshold)
    return mean_of_hardest(logits, labels, valid, share=checked_share("keep", keep), above=level)


def _checked(threshold: float) -> float:
    """The cross-entropy that belongs to a threshold of the probability."""
    if not 0 <= threshold <= 1:
        raise ConfigError(f"threshold is a probability in [0, 1], got {threshold}")
    return -math.log(threshold) if threshold > 0 else math.inf


class OHEMLoss(nn.Module):
    """`ohem` as a module.

    Args:
        threshold: θ in [0, 1].
        keep: κ in (0, 1].

    Raises:
        ConfigError: θ is outside [0, 1] or κ outside (0, 1].

    Example:
        >>> import torch
        >>> labels = torch.zeros(1, 2, 2, dtype=torch.int64)
        >>> round(float(OHEMLoss()(torch.zeros(1, 2, 2, 2), labels)), 4)
        0.6931
    """

    def __init__(self, *, threshold: float = 0.7, keep: float = 0.2) -> None:
        super().__init__()
        self.threshold, self.keep = threshold, checked_share("keep", keep)
        self._level = _checked(threshold)

    def forward(self, logits: Tensor, labels: Tensor, valid: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; arguments as in `ohem`."""
        return mean_of_hardest(logits, labels, valid, share=self.keep, above=self._level)
