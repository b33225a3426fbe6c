"""Cross-entropy of the hardest voxels, in the manner of nnU-Net: a fixed share of all voxels of the batch."""

from __future__ import annotations

from torch import Tensor, nn

from segkit.loss_envelope.peers.hardest import checked_share, mean_of_hardest


def top_k_cross_entropy(
    logits: Tensor, labels: Tensor, *, valid: Tensor | None = None, share: float = 0.1
) -> Tensor:
    r"""Small where even the hardest voxels of the batch give their label a high probability.

    $$L = \frac{1}{k} \sum_{r=1}^{k} \ell_{[r]}, \qquad k = \max(1, \lfloor \kappa N \rfloor),$$

    with the cross-entropies of all N voxels of the batch that count in descending order. It is the average
    top-k loss of [fan2017average] over voxels, with the share κ that [isensee2021nnunet]'s code offers. A
    large loss is taken for a lesson; trimming, which drops the same voxels, takes it for a wrong label.

    Args:
        logits: (B, K, *S), any floating dtype, any real numbers, K ≥ 2. *S may be empty (gathered voxels).
        labels: (B, *S), integers in 0 … K−1, or IGNORE = −1.
        valid: (B, *S), bool, True where the voxel counts; by default wherever the label is not IGNORE.
        share: κ in (0, 1], no unit; 1 is cross-entropy. nnU-Net has 10 %, as is ours.

    Returns:
        A scalar in the dtype of the logits, in [0, ∞); 0 for a perfect prediction. It is a mean over k voxels
        of the whole batch: there are no values per voxel that could be reduced image by image.

    Empty and ignored:
        A voxel that does not count is not among the N: value and gradient are those of the batch without it.
        If none counts, the value is 0 and its gradient 0, connected to the logits.

    Cost:
        Time O(N K), by selection and not by sorting; one map of the size of the logits and a few numbers per
        voxel are kept for the gradient, for N voxels and K classes.

    Differs from:
        nnU-Net's `TopKLoss`, which takes κ of all voxels, the ignored ones with their zeros among them, and
        so keeps more than κ of the others and divides by the zeros that it selects; below 10 voxels its k is
        0 and its loss NaN. Voxels with equal losses share the last places here; there, some of them win.

    Raises:
        DataError: shapes or dtypes do not fit, or a label is outside 0 … K−1.
        ConfigError: κ is outside (0, 1].

    Example:
        >>> import torch
        >>> logits = torch.tensor([[[0.0, 4.0], [0.0, 0.0]]])  # one image, two classes, two voxels
        >>> top_k_cross_entropy(logits, torch.tensor([[1, 0]]), share=0.5)
        tensor(0.6931)
    """
    return mean_of_hardest(logits, labels, valid, share=checked_share("share", share))


class TopKCrossEntropyLoss(nn.Module):
    """`top_k_cross_entropy` as a module.

    Args:
        share: κ in (0, 1].

    Raises:
        ConfigError: κ is outside (0, 1].

    Example:
        >>> import torch
        >>> labels = torch.zeros(1, 2, 2, dtype=torch.int64)
        >>> round(float(TopKCrossEntropyLoss()(torch.zeros(1, 2, 2, 2), labels)), 4)
        0.6931
    """

    def __init__(self, *, share: float = 0.1) -> None:
        super().__init__()
        self.share = checked_share("share", share)

    def forward(self, logits: Tensor, labels: Tensor, valid: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; arguments as in `top_k_cross_entropy`."""
        return mean_of_hardest(logits, labels, valid, share=self.share)
