"""AdamW for small batches, LARS for large ones, as the Trainer's `optimizer`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from torch import Tensor
from torch.optim import AdamW, Optimizer

from segkit.errors import ConfigError

MakeOptimizer = Callable[..., Optimizer]


def adamw(*, weight_decay: float = 1e-2, betas: tuple[float, float] = (0.9, 0.999)) -> MakeOptimizer:
    """AdamW [loshchilov2019adamw] without decay of norms and biases, for batches below about 64.

    Example:
        >>> import torch
        >>> made = adamw()([torch.zeros(2, 2), torch.zeros(2)], lr=1e-3)
        >>> [group["weight_decay"] for group in made.param_groups]
        [0.01, 0.0]
    """

    def make(parameters: Iterable[Tensor], *, lr: float) -> Optimizer:
        given = list(parameters)
        groups = [
            {"params": [each for each in given if each.ndim > 1], "weight_decay": weight_decay},
            {"params": [each for each in given if each.ndim <= 1], "weight_decay": 0.0},
        ]
        return AdamW([group for group in groups if group["params"]], lr=lr, betas=betas)

    return make


def lars(*, weight_decay: float = 1.5e-6, momentum: float = 0.9, trust: float = 1e-3) -> MakeOptimizer:
    """LARS [you2017lars]: steps in proportion to the norm of each weight, for batches of 64 and more.

    The implementation is that of the package `pytorch_optimizer`; norms and biases get neither decay nor
    adaptation, as in BYOL [grill2020byol], whose weight decay is the default. Its learning rate is 0.2 for a
    batch of 256, with warm-up and cosine decay.

    Raises:
        ConfigError: the package is missing.
    """
    try:
        from pytorch_optimizer import LARS
    except ModuleNotFoundError as error:
        raise ConfigError("LARS needs the package pytorch_optimizer: install it, or use adamw()") from error
    made: Any = partial(LARS, weight_decay=weight_decay, momentum=momentum, trust_coefficient=trust)
    return made  # type: ignore[no-any-return]
