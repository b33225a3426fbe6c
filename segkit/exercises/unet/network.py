"""What a network sees and what it has to balance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from segkit.exercises.judging import compare
from segkit.exercises.registry import Wrong, exercise


def _block(n_in: int, n_out: int, kernel: int, dims: int) -> int:
    """Count the parameters of the real thing."""
    conv: Any = (torch.nn.Conv2d, torch.nn.Conv3d)[dims - 2]
    norm: Any = (torch.nn.InstanceNorm2d, torch.nn.InstanceNorm3d)[dims - 2]
    layers = [conv(n_in, n_out, kernel), conv(n_out, n_out, kernel)]
    layers += [norm(n_out, affine=True), norm(n_out, affine=True)]
    return sum(parameter.numel() for layer in layers for parameter in layer.parameters())


def _formula(n_in: int, n_out: int, volume: int, *, bias: int = 2, norm: int = 4) -> int:
    return volume * n_out * (n_in + n_out) + (bias + norm) * n_out


BLOCK_PARAMETERS = {
    "no bias": Wrong(
        lambda i, o, kernel, dims: _formula(i, o, kernel**dims, bias=0),
        "Each convolution has one bias per output channel.",
    ),
    "no norm": Wrong(
        lambda i, o, kernel, dims: _formula(i, o, kernel**dims, norm=0),
        "Each instance norm has one scale and one shift per channel.",
    ),
    "flat kernel": Wrong(
        lambda i, o, kernel, dims: _formula(i, o, kernel**2),
        "In three dimensions a kernel has k³ weights.",
    ),
    "same input twice": Wrong(
        lambda i, o, kernel, dims: kernel**dims * o * 2 * i + 6 * o,
        "The second convolution reads what the first has written: its input has `out_channels` channels.",
    ),
}


@exercise(
    "unet.block_parameters",
    kind="derive",
    minutes=5,
    start="A convolution has k^d weights per pair of input and output channel. What else is learned?",
    wrong=BLOCK_PARAMETERS,
)
def check_block_parameters(answer: Any) -> None:
    inputs = [(1, 8, 3, 3), (8, 16, 3, 2), (4, 6, 5, 3)]
    compare(answer, _block, inputs, mistakes=BLOCK_PARAMETERS, tolerance=1e-9)


def _receptive_field(layers: list[tuple[int, int]]) -> int:
    field, step = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step *= stride
    return field


def _late_step(layers: list[tuple[int, int]]) -> int:
    field, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        field += (kernel - 1) * step
    return field


RECEPTIVE_FIELD = {
    "stride ignored": Wrong(
        lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers),
        "After a stride, one step of the output is several voxels of the input.",
    ),
    "stride too early": Wrong(
        _late_step,
        "A stride takes effect behind its own layer: the kernel still reads neighbours at the old distance.",
    ),
    "kernels added": Wrong(
        lambda layers: sum(kernel for kernel, _ in layers),
        "Two kernels of 3 see 5 voxels, not 6: they share one.",
    ),
}


@exercise(
    "unet.receptive_field",
    kind="derive",
    minutes=10,
    start="Begin with a field and a step of 1. How far apart in the input are the taps of the next kernel?",
    wrong=RECEPTIVE_FIELD,
)
def check_receptive_field(answer: Any) -> None:
    inputs = [([(3, 1), (3, 1)],), ([(3, 1), (3, 2), (3, 1), (2, 2), (5, 1)],), ([(7, 2), (3, 2), (3, 3)],)]
    compare(answer, _receptive_field, inputs, mistakes=RECEPTIVE_FIELD, tolerance=1e-9)


def _weights(labels: Any, n_classes: int) -> Tensor:
    counts = torch.bincount(torch.as_tensor(labels).flatten(), minlength=n_classes).double()
    present = counts > 0
    return torch.where(present, counts.sum() / (present.sum() * counts.clamp(min=1)), 0.0)


CLASS_WEIGHTS = {
    "inverse counts": Wrong(
        lambda labels, n: _weights(labels, n) * (_weights(labels, n) > 0).sum() / labels.numel(),
        "The classes are balanced, but the loss shrinks: the mean weight of a voxel must be 1.",
    ),
    "sum of one": Wrong(
        lambda labels, n: _weights(labels, n) / _weights(labels, n).sum(),
        "Your weights add up to 1 over the classes; their mean over the voxels must be 1.",
    ),
    "absent class infinite": Wrong(
        lambda labels, n: torch.where(_weights(labels, n) > 0, _weights(labels, n), torch.inf),
        "A class without a voxel gets an infinite weight; it has nothing to weigh.",
    ),
    "absent class counted": Wrong(
        lambda labels, n: _weights(labels, n) * (_weights(labels, n) > 0).sum() / n,
        "You share the loss among all K classes; a class without a voxel takes no share.",
    ),
    "square root": Wrong(
        lambda labels, n: (r := _weights(labels, n).sqrt()) / r[labels].mean(),
        "Square roots soften the imbalance; the sum of the weights of each class must be the same.",
    ),
}


@exercise(
    "unet.class_weights",
    kind="measure",
    minutes=10,
    start="Let class k with n_k voxels have the total weight N / (number of classes that are there).",
    wrong=CLASS_WEIGHTS,
)
def check_class_weights(answer: Any) -> None:
    inputs = [
        (torch.randint(10, shape, generator=torch.Generator().manual_seed(7)).clamp(max=2), n)
        for shape, n in (((6, 7), 3), ((5, 5, 5), 5))
    ]
    compare(answer, _weights, inputs, mistakes=CLASS_WEIGHTS)
