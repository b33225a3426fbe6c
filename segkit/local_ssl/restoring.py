"""Pre-training by restoration: a network is shown a spoilt view and asked for the view."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from segkit.errors import DataError, unknown_name
from segkit.local_ssl.distorting import bent, hidden_blocks, shuffled_inside
from segkit.local_ssl.method import trained_names
from segkit.losses import reduce
from segkit.nets.blocks import PatchUp
from segkit.nets.segmenter import Segmenter
from segkit.train import Batch, Method, State, full_precision

Spoil = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""Views (B, C, *n) → spoilt views, and the voxels that are to be restored, bool (B, *n)."""


def restoration_error(prediction: Tensor, image: Tensor, *, valid: Tensor | None = None) -> Tensor:
    r"""Small where the prediction has the intensities of the image before it was spoilt.

    $$ \ell_x = \frac1C \sum_c (\hat v_{cx} - v_{cx})^2 $$

    the squared error of Models Genesis [zhou2021genesis] over all voxels, of masked image modelling
    [he2022mae] over the hidden ones.

    Args:
        prediction: v̂, (B, C, *n), float.
        image: v, (B, C, *n). No gradient goes through it.
        valid: bool (B, *n), True where a voxel counts; by default all do.

    Returns:
        (B, *n) in the dtype of the prediction, 0 or more; 0 for a perfect prediction, 1 for the mean of a
        z-scored image. `reduce(values, valid)` is the mean over the voxels that count.

    Empty and ignored:
        What a voxel that does not count holds changes neither value nor gradient; its own value is 0.

    Cost:
        Time O(B C n) and a map of the size of the image.

    Differs from:
        Masked autoencoders that normalise every patch of the target: here intensities are those of the image.

    Raises:
        DataError: shapes do not fit.

    Example:
        >>> restoration_error(torch.zeros(1, 1, 2), torch.tensor([[[0.0, 3.0]]]))
        tensor([[0., 9.]])
    """
    if prediction.ndim < 3 or prediction.shape != image.shape:
        raise DataError(
            "a restored image must have the shape (B, C, *n) of the image, got "
            f"{tuple(prediction.shape)} and {tuple(image.shape)}"
        )
    exact = torch.promote_types(prediction.dtype, torch.float32)
    difference = prediction.to(exact) - image.detach().to(exact)
    if valid is not None:
        if valid.shape != image[:, 0].shape or valid.dtype != torch.bool:
            raise DataError(
                f"valid must be bool of shape {tuple(image[:, 0].shape)}, got {tuple(valid.shape)}"
            )
        difference = difference.masked_fill(~valid[:, None], 0)
    return difference.square().mean(1).to(prediction.dtype)


class Masked:
    """Hides blocks, which alone are to be restored: masked autoencoding with a convolution network.

    The network sees 0, the mean of a z-scored image, where a block is hidden, and its convolutions see the
    edges of the holes. An autoencoder of a transformer [he2022mae] leaves hidden patches out of its input,
    which a convolution cannot.

    Args:
        block: voxels of a block along each axis.
        share: of the blocks that is hidden. The paper, for natural images: 0.75.
    """

    def __init__(self, block: Sequence[int], share: float = 0.6) -> None:
        self.block, self.share = tuple(block), share

    def __call__(self, views: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Views with holes, and the holes."""
        hidden = hidden_blocks(views, self.block, self.share, generator)
        return views.masked_fill(hidden[:, None], 0), hidden


class Distorted:
    """Bends intensities, shuffles small blocks and paints large ones over, as Models Genesis do.

    After [zhou2021genesis], made smaller: each step is done to all views of a batch or to none, and one block
    size serves in- and out-painting. All voxels are to be restored.

    Args:
        block: voxels of a block that is painted over, along each axis.
        small: of a block that is shuffled.
        bend, shuffle, paint: probability of each step. The paper: 0.9, 0.5, 0.9.
        outside: of painted views, how often everything but the blocks is painted over. The paper: 0.8.
        share: of the blocks that are chosen.
    """

    def __init__(
        self,
        block: Sequence[int],
        *,
        small: Sequence[int],
        bend: float = 0.9,
        shuffle: float = 0.5,
        paint: float = 0.9,
        outside: float = 0.8,
        share: float = 0.3,
    ) -> None:
        self.block, self.small, self.share = tuple(block), tuple(small), share
        self.bend, self.shuffle, self.paint, self.outside = bend, shuffle, paint, outside

    def __call__(self, views: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Distorted views; every voxel counts."""
        bend, shuffle, paint, outside = torch.rand(4, generator=generator, device=views.device).tolist()
        out = bent(views, generator) if bend < self.bend else views
        if shuffle < self.shuffle:
            out = shuffled_inside(out, self.small, generator)
        if paint < self.paint:
            chosen = hidden_blocks(views, self.block, self.share, generator)
            painted = ~chosen if outside < self.outside else chosen
            low, high = views.amin(), views.amax()
            noise = torch.rand(views.shape, generator=generator, device=views.device, dtype=views.dtype)
            out = torch.where(painted[:, None], low + noise * (high - low), out)
        return out, torch.ones_like(views[:, 0], dtype=torch.bool)


class Restoration(Method):
    """Minimises the squared error of views restored from spoilt views; a batch is one of `ViewBatches`.

    Both views count, so that a batch costs what it costs in `LocalPretraining`. Their intensities should not
    have been changed before: what is restored is what the batch holds.

    Args:
        net: a segmentation network of `segkit.nets`; its head is not trained, a new one gives intensities.
        spoil: `Masked` or `Distorted`.
        tap: where the new head reads.

    Attributes:
        trained: names of the network's tensors that are trained, as `LocalPretraining.trained`.

    Raises:
        ConfigError: the network has no such tap.

    Example:
        >>> from segkit.local_ssl import TwoBoxes, make_views
        >>> from segkit.nets import UNet
        >>> method = Restoration(UNet(2, 1, 2, (4, 8)), Masked((4, 4)))
        >>> batch = make_views(torch.randn(2, 1, 24, 24), TwoBoxes((12, 12), overlap=0.5), seed=0)
        >>> sorted(method.step(batch, State(0, 10, torch.Generator().manual_seed(0))))
        ['restoration', 'total']
    """

    def __init__(self, net: Segmenter, spoil: Spoil, *, tap: str = "decoder0") -> None:
        super().__init__()
        if tap not in net.taps:
            raise unknown_name("tap", tap, net.taps)
        self.net, self.spoil, self.tap = net, spoil, tap
        channels, stride = net.taps[tap].channels, net.taps[tap].stride
        self.restore = PatchUp(net.spatial_dims, channels, net.in_channels, stride)
        self.trained = trained_names(net, [tap])

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The mean error over the voxels that are to be restored.

        Raises:
            DataError: the batch holds no pairs of views.
        """
        for key in ("view1", "view2"):
            if key not in batch:
                raise DataError(
                    f"a batch of pairs of views needs {key!r}, but has {sorted(batch)}: see ViewBatches"
                )
        views = torch.cat([batch["view1"], batch["view2"]])
        spoilt, asked = self.spoil(views, state.generator)
        restored = self.restore(self.net.forward_features(spoilt, [self.tap])[self.tap])
        # Features of an image whose sides are no multiple of the stride reach beyond it.
        restored = restored[(..., *(slice(0, n) for n in views.shape[2:]))]
        with full_precision(restored):
            error = reduce(restoration_error(restored, views, valid=asked), asked)
        return {"restoration": error, "total": error}
