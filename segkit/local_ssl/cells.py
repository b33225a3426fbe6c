r"""Where the features of a level lie in the image that they were computed from.

A convolution whose kernel is its stride, or a pooling, centres output $j$ on the middle of its block. A
convolution with kernel 3, stride 2 and padding 1 centres it on input $2j$, half a voxel to the left of that
middle, and $L$ of them on $2^L j$ instead of $2^L j + (2^L-1)/2$. In an image that is not mirrored nobody
notices. When one of two views is mirrored the two displacements are opposite, and features that are taken for
aligned are $2^L-1$ voxels apart: nearly one cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segkit.errors import DataError, unknown_name
from segkit.nets import UNet
from segkit.nets.segmenter import Segmenter


@dataclass(frozen=True)
class Cells:
    """The grid of a feature map: feature j is centred on voxel `centre + j·stride` of the image.

    Attributes:
        stride: voxels per feature along each axis.
        centre: index of the voxel on which feature 0 is centred, along each axis; (stride − 1)/2 where a
            feature looks at its block of voxels evenly.
    """

    stride: tuple[int, ...]
    centre: tuple[float, ...]

    @classmethod
    def even(cls, stride: Sequence[int]) -> Cells:
        """Cells that look at their blocks evenly: the half-pixel convention.

        Example:
            >>> Cells.even((1, 4))
            Cells(stride=(1, 4), centre=(0.0, 1.5))
        """
        return cls(tuple(stride), tuple((s - 1) / 2 for s in stride))

    def count(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Features per axis that lie wholly in an image of this shape, not in what is appended to it.

        Raises:
            DataError: there is none along an axis.
        """
        found = tuple(
            int((n - 1 - 2 * centre) // stride) + 1
            for n, stride, centre in zip(shape, self.stride, self.centre, strict=True)
        )
        if min(found) < 1:
            raise DataError(
                f"a view of shape {tuple(shape)} holds no whole feature of stride {self.stride}: enlarge the "
                "view or take a finer level"
            )
        return found


def cells_of(net: Segmenter, tap: str, *, corrected: bool = True) -> Cells:
    """The cells of a tap of a network.

    Where `down="conv3"` makes the levels of a U-Net, a decoder's features join two displacements, that of the
    skip at their own level and that of the coarser level, and no single centre is right for both: that of the
    skip is given. For a loss on a decoder choose another way down.

    Args:
        net: a U-Net or a ViT segmenter.
        tap: a name of `net.taps`.
        corrected: False takes every network for one that looks at its blocks evenly: the mistake that this
            module is about, to be shown.

    Raises:
        ConfigError: the network has no such tap; the message lists those it has.

    Example:
        >>> from segkit.nets import UNet
        >>> cells_of(UNet(3, 1, 2, (4, 8, 8), down="conv3"), "bottom")
        Cells(stride=(4, 4, 4), centre=(0.0, 0.0, 0.0))
        >>> cells_of(UNet(3, 1, 2, (4, 8, 8), down="conv2"), "bottom")
        Cells(stride=(4, 4, 4), centre=(1.5, 1.5, 1.5))
    """
    if tap not in net.taps:
        raise unknown_name("tap", tap, net.taps)
    stride = net.taps[tap].stride
    if corrected and isinstance(net, UNet) and net.way_down == "conv3":
        # The first level's patches are even in every net; what follows is centred on its first voxel.
        return Cells(stride, tuple((s - 1) / 2 for s in net.strides[0]))
    return Cells.even(stride)
