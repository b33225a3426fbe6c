"""The parts of the U-Net: convolution blocks, ways down and ways up, built on MONAI's `Convolution`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.blocks import Convolution
from monai.networks.layers.utils import get_act_layer, get_pool_layer
from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.nets.grid import Stride, is_channels_last
from segkit.nets.norms import make_norm


def conv(
    spatial_dims: int,
    inputs: int,
    outputs: int,
    kernel: int | Stride,
    stride: int | Stride = 1,
    *,
    bias: bool = True,
) -> nn.Module:
    """A bare convolution; a kernel equal to the stride is not padded."""
    return Convolution(
        spatial_dims,
        inputs,
        outputs,
        kernel_size=kernel,
        strides=stride,
        padding=0 if kernel == stride else None,
        bias=bias,
        conv_only=True,
    )


class Pointwise(Convolution):
    """A convolution of size 1, in channels-last memory as the matrix product that it is.

    PyTorch's float32 convolution of size 1 leaves that layout on a CPU, at two to four times the cost.
    """

    def __init__(self, spatial_dims: int, inputs: int, outputs: int) -> None:
        super().__init__(spatial_dims, inputs, outputs, kernel_size=1, padding=0, conv_only=True)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, inputs, *S) as (B, outputs, *S)."""
        if not is_channels_last(x):
            return super().forward(x)
        weight, bias = self.get_parameter("conv.weight"), self.get_parameter("conv.bias")
        return F.linear(x.movedim(1, -1), weight.flatten(1), bias).movedim(-1, 1)


class ConvBlock(nn.Module):
    """`depth` times convolution 3 → norm → activation; with `residual`, input and output are added before
    the last activation (the input through a convolution of size 1 where channels or stride differ).

    Args:
        spatial_dims: 2 or 3.
        inputs: input channels.
        outputs: output channels.
        depth: number of convolutions, at least 1.
        norm: "instance", "group" or "batch".
        act: name of an activation of MONAI.
        residual: add the input.
        stride: stride of the first convolution.
    """

    def __init__(
        self,
        spatial_dims: int,
        inputs: int,
        outputs: int,
        *,
        depth: int,
        norm: str,
        act: str,
        residual: bool,
        stride: Stride,
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            conv(spatial_dims, outputs if i else inputs, outputs, 3, 1 if i else stride, bias=False)
            for i in range(depth)
        )
        self.norms = nn.ModuleList(make_norm(norm, outputs, spatial_dims) for _ in range(depth))
        # What a ReLU overwrites is the output of a norm, which no gradient needs.
        in_place = act.lower() in ("relu", "leakyrelu")
        self.act = get_act_layer((act, {"inplace": True}) if in_place else act)
        self.shortcut: nn.Module | None = None
        if residual:
            if set(stride) != {1}:
                self.shortcut = conv(spatial_dims, inputs, outputs, stride, stride)
            else:
                same = inputs == outputs
                self.shortcut = nn.Identity() if same else Pointwise(spatial_dims, inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, outputs, *S / stride) of x (B, inputs, *S)."""
        y = x
        for i, (convolution, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = norm(convolution(y))
            if self.shortcut is not None and i == len(self.convs) - 1:
                y = y + self.shortcut(x)
            y = self.act(y)
        return y


def pool(spatial_dims: int, stride: Stride) -> nn.Module:
    """Maximum over blocks of `stride` voxels."""
    return get_pool_layer(("max", {"kernel_size": stride, "stride": stride}), spatial_dims)


class Upsample(nn.Module):
    """A convolution of size 1 at the coarse grid, then interpolation to the fine one.

    Channels are mixed before the interpolation, which commutes with it and costs a fraction.
    """

    def __init__(self, spatial_dims: int, inputs: int, outputs: int, stride: Stride, *, linear: bool) -> None:
        super().__init__()
        self.mix = Pointwise(spatial_dims, inputs, outputs)
        self.stride = stride
        self.mode = {2: "bilinear", 3: "trilinear"}[spatial_dims] if linear else "nearest"

    def forward(self, x: Tensor) -> Tensor:
        """x (B, inputs, *S) as (B, outputs, *S·stride)."""
        y = self.mix(x)
        return y if set(self.stride) == {1} else F.interpolate(y, scale_factor=self.stride, mode=self.mode)


class PatchUp(nn.Module):
    """Each coarse voxel becomes a block of `stride` voxels by a linear map of its features.

    It equals a transposed convolution whose kernel is its stride, written as one matrix product, which is
    several times faster on a CPU.
    """

    def __init__(self, spatial_dims: int, inputs: int, outputs: int, stride: Stride) -> None:
        super().__init__()
        self.outputs, self.stride = outputs, stride
        self.mix = Pointwise(spatial_dims, inputs, outputs * torch.Size(stride).numel())

    def forward(self, x: Tensor) -> Tensor:
        """x (B, inputs, *S) as (B, outputs, *S·stride)."""
        y = self.mix(x)
        if set(self.stride) == {1}:
            return y
        batch, _, *size = y.shape
        dims = len(size)
        blocks = y.movedim(1, -1).reshape(batch, *size, *self.stride, self.outputs)
        order = [0, *(axis for d in range(dims) for axis in (1 + d, 1 + dims + d)), 1 + 2 * dims]
        fine = blocks.permute(order).reshape(
            batch, *(n * s for n, s in zip(size, self.stride, strict=True)), -1
        )
        fine = fine.movedim(-1, 1)
        return fine if is_channels_last(x) else fine.contiguous()


def start_from_prior(head: nn.Module, prior: Sequence[float], n_classes: int) -> None:
    """Set the bias of a head so that the untrained net predicts these shares of the classes, on average.

    Args:
        head: `Convolution` of size 1 with a multiple of `n_classes` outputs, the class innermost.
        prior: one positive number per class; their sum need not be 1.
        n_classes: number of classes.

    Raises:
        ConfigError: the shares are not as many as the classes, or not all positive.
    """
    if len(prior) != n_classes or not all(share > 0 for share in prior):
        raise ConfigError(
            f"class_prior {tuple(prior)} is not one positive share for each of {n_classes} classes"
        )
    with torch.no_grad():
        bias = head.get_parameter("conv.bias").view(-1, n_classes)
        bias.copy_((torch.tensor(prior) / sum(prior)).log().expand_as(bias))
