"""What memory layout, precision and our parts make of a training step, each beside the plain choice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segkit.bench.timing import Row, bench_row, compare
from segkit.nets import GroupNorm, UNet
from segkit.nets.blocks import Pointwise
from segkit.train import fastest_precision

Net = TypeVar("Net", bound=nn.Module)
LAYOUT = torch.channels_last_3d


def run(*, quick: bool) -> list[Row]:
    """Value and gradient in 3-D, batch 2: a norm, a convolution of size 1, and whole U-Nets."""
    size = (12, 16, 12) if quick else (36, 52, 40)
    half = fastest_precision() == "bf16-mixed"
    dtype = torch.bfloat16 if half else torch.float32
    precision = "bfloat16" if half else "float32"
    time = partial(compare, repeats=3 if quick else 11)
    rows = []

    features = torch.randn(2, 16, *size).to(dtype).to(memory_format=LAYOUT)
    for name, ours, theirs in (
        ("instance norm", GroupNorm(16, 16), nn.InstanceNorm3d(16, affine=True)),
        ("group norm, 4 groups", GroupNorm(4, 16), nn.GroupNorm(4, 16)),
    ):
        timings = time({"ours": _layer(ours, features), "peer": _layer(theirs, features)})
        rows.append(
            bench_row(
                timings,
                operation=f"{name}, channels-last, {precision}",
                size=_text(features),
                peer="torch",
                target=1.0,
            )
        )

    features = features.float()
    timings = time(
        {
            "ours": _layer(_channels_last(Pointwise(3, 16, 8)), features),
            "peer": _layer(_channels_last(nn.Conv3d(16, 8, 1)), features),
        }
    )
    rows.append(
        bench_row(
            timings,
            operation="convolution of size 1, channels-last, float32",
            size=_text(features),
            peer="torch",
            target=1.0,
        )
    )

    image = torch.randn(2, 1, *size)
    nets: dict[str, Callable[[], UNet]] = {
        "8-16-32, one convolution, add": lambda: UNet(3, 1, 3, (8, 16, 32), convs=1, skip="add"),
        "16-32-64, two convolutions": lambda: UNet(3, 1, 3),
        "16-32-64, stride 2 first, residual": lambda: UNet(3, 1, 3, strides=(2, 2, 2), residual=True),
    }
    for name, make in nets.items():
        timings = time(
            {
                "ours": _step(_channels_last(make()), image.to(memory_format=LAYOUT), half=half),
                "peer": _step(make(), image, half=False),
            }
        )
        rows.append(
            bench_row(
                timings,
                operation=f"U-Net {name}: channels-last, {precision}",
                size=_text(image),
                peer="the same net in default layout, float32",
                target=0.5,
            )
        )
    return rows


def _text(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape))


def _channels_last(net: Net) -> Net:
    return net.to(memory_format=LAYOUT)  # type: ignore[call-overload,no-any-return]


def _layer(layer: nn.Module, features: Tensor) -> Callable[[], None]:
    """Forward and backward of one layer."""
    features = features.detach().requires_grad_()

    def call() -> None:
        y = layer(features)
        y.backward(torch.ones_like(y))

    return call


def _step(net: UNet, image: Tensor, *, half: bool) -> Callable[[], None]:
    """Forward, cross-entropy and backward of one net."""
    labels = torch.randint(0, net.n_classes, (len(image), *image.shape[2:]))

    def call() -> None:
        net.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = net(image)
        F.cross_entropy(logits.float(), labels).backward()

    return call
