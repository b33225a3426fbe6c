"""The moving average of a network: the teacher of semi-supervised methods, the steadier predictor."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError


def ema_decay(iteration: int, decay: float, *, warmup: bool = True) -> float:
    r"""The decay of update `iteration` (from 0): $\min(\alpha,\; 1 - 1/(t+1))$ with warm-up, else $\alpha$.

    While the second term is the smaller, the average is the plain mean of all weights so far, so that it does
    not drag the random initialisation along for $1/(1-\alpha)$ updates (Tarvainen and Valpola, 2017).

    Example:
        >>> [round(ema_decay(t, 0.9), 3) for t in (0, 1, 2, 50)]
        [0.0, 0.5, 0.667, 0.9]
    """
    return min(decay, 1.0 - 1.0 / (iteration + 1)) if warmup else decay


class EMA(nn.Module):
    r"""A frozen copy of a network that follows it: $\bar\theta \leftarrow d\,\bar\theta + (1-d)\,\theta$.

    Parameters and floating-point buffers (the running statistics of batch norm) are averaged alike; whole
    numbers (counters) are copied. The copy takes no gradient and stays in evaluation mode, also when the
    method that holds it is switched to training. It is part of that method's weights: a checkpoint keeps it.

    Args:
        module: the network to follow. It is copied, not kept.
        decay: $\alpha$ in [0, 1); 0.99 averages over about 100 updates.
        warmup: let the decay rise to `decay`, see `ema_decay`.

    Raises:
        ConfigError: the decay is out of range.

    Example:
        >>> net = nn.Linear(1, 1, bias=False)
        >>> average = EMA(net, 0.5, warmup=False)
        >>> before = average.module.weight.item()
        >>> _ = net.weight.data.fill_(before + 1)
        >>> average.update(net, 0)
        >>> round(average.module.weight.item() - before, 4)
        0.5
    """

    def __init__(self, module: nn.Module, decay: float = 0.99, *, warmup: bool = True) -> None:
        super().__init__()
        if not 0.0 <= decay < 1.0:
            raise ConfigError(f"EMA decay {decay} is out of range: 0 ≤ decay < 1, for example 0.99")
        self.decay, self.warmup = decay, warmup
        self.module = deepcopy(module).requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> EMA:
        """Stay in evaluation mode, whatever the surrounding method is switched to."""
        return super().train(False)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged network's output, without gradient."""
        with torch.no_grad():
            return self.module(*args, **kwargs)

    @torch.no_grad()
    def update(self, module: nn.Module, iteration: int) -> None:
        """Move towards `module`. Call once after each optimiser update.

        Args:
            module: the network that is followed, of the architecture given at the start.
            iteration: the update that was just done, from 0 (`state.iteration`).
        """
        weight = 1.0 - ema_decay(iteration, self.decay, warmup=self.warmup)
        mine, theirs = self.module.state_dict(), module.state_dict()
        averaged = [name for name, value in mine.items() if value.is_floating_point()]
        old: list[Tensor] = [mine[name] for name in averaged]
        new: list[Tensor] = [theirs[name].to(mine[name]) for name in averaged]
        torch._foreach_lerp_(old, new, weight)
        for name, value in mine.items():
            if not value.is_floating_point():
                value.copy_(theirs[name])
