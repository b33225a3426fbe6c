"""Two processes with half of the batch each, as data-parallel training runs a loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from segkit.losses.probing import Loss, example
from tests.helpers.ddp import run_in_group

Losses = Callable[[str], Loss]
"""Name → loss; defined at the top of a module, so that it pickles."""


def require_gradient_of_one_big_batch(losses: Losses, names: Sequence[str]) -> None:
    """Fail unless two processes under DDP have the gradient that one has with the whole batch."""
    _, labels = example(5, 6, batch=4, ignored=True)
    images = torch.randn(4, 1, 5, 6, dtype=torch.float64)
    first, second = run_in_group(_gradients, 2, losses, names, images, labels)
    for name in names:
        net = _small_net()
        losses(name)(net(images), labels, None).backward()
        for p, one, other in zip(net.parameters(), first[name], second[name], strict=True):
            torch.testing.assert_close(one, p.grad, msg=lambda text, name=name: f"{name}: {text}")
            torch.testing.assert_close(other, p.grad)


def _gradients(
    rank: int, losses: Losses, names: Sequence[str], images: Tensor, labels: Tensor
) -> dict[str, list[Tensor | None]]:
    """The gradient of a small net under DDP, on this process's half of the batch, for each loss."""
    found = {}
    for name in names:
        net = DistributedDataParallel(_small_net())
        half = slice(2 * rank, 2 * rank + 2)
        losses(name)(net(images[half]), labels[half], None).backward()
        found[name] = [p.grad.clone() for p in net.parameters()]
    return found


def _small_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Conv2d(1, 3, 3, padding=1).double()
