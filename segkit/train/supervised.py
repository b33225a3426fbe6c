"""The plainest method: one network, one loss, labelled images."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, unknown_name
from segkit.train.method import Batch, Method, State
from segkit.train.precision import full_precision

Loss = Callable[..., Tensor]
"""`loss(logits, labels)` or, where the batch has `valid`, `loss(logits, labels, valid=valid)` → scalar.

A loss that has a parameter named `progress` is given `State.progress`: `loss(logits, labels, progress=0.3)`.
"""


class Supervised(Method):
    r"""Minimise $\sum_n w_n \mathcal{L}_n(f_\theta(x), y)$ over labelled images.

    The network runs in the run's precision, the losses in float32.

    Args:
        net: maps images `(B, C, *S)` to logits `(B, K, *S)`.
        loss: one loss, or named losses: their weighted sum is minimised and each is logged under its name.
            A loss that is a module is registered, so that it moves to the run's device.
        weights: weight of each named loss; 1 where none is given.

    Raises:
        ConfigError: a weight names a loss that does not exist, or a loss among several is named `total`.

    Example:
        >>> method = Supervised(nn.Conv2d(1, 2, 1), nn.CrossEntropyLoss())
        >>> batch = {"image": torch.zeros(1, 1, 4, 4), "label": torch.zeros(1, 4, 4, dtype=torch.int64)}
        >>> sorted(method.step(batch, State(0, 1, torch.Generator())))
        ['total']
        >>> method.predict(batch["image"]).shape
        torch.Size([1, 2, 4, 4])
    """

    def __init__(
        self, net: nn.Module, loss: Loss | Mapping[str, Loss], *, weights: Mapping[str, float] | None = None
    ) -> None:
        super().__init__()
        self.net = net
        self.losses: dict[str, Loss] = dict(loss) if isinstance(loss, Mapping) else {"total": loss}
        self.weights = dict(weights or {})
        for name in self.weights.keys() - self.losses.keys():
            raise unknown_name("loss term", name, self.losses)
        if isinstance(loss, Mapping) and "total" in loss:
            raise ConfigError("no loss may be named 'total': that is the name of their weighted sum")
        self._timed = {name for name, each in self.losses.items() if _knows_progress(each)}
        self.loss_modules = nn.ModuleList(
            [each for each in self.losses.values() if isinstance(each, nn.Module)]
        )

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The loss terms of a batch.

        Args:
            batch: `image`, `label`, and perhaps `valid` (B, *S), True where a label counts.
            state: where the run stands; its progress is told to the losses that ask for it.
        """
        logits = self.net(batch["image"])
        valid: dict[str, Any] = {"valid": batch["valid"]} if "valid" in batch else {}
        terms = {}
        with full_precision(logits):
            logits = logits.float()
            for name, loss in self.losses.items():
                options = {**valid, "progress": state.progress} if name in self._timed else valid
                terms[name] = loss(logits, batch["label"], **options)
        weighted = [self.weights.get(name, 1.0) * value for name, value in terms.items()]
        return {**terms, "total": torch.stack(weighted).sum()}

    def predict(self, image: Tensor) -> Tensor:
        """Softmax over the classes, in float32."""
        return torch.softmax(self.net(image).float(), dim=1)


def _knows_progress(loss: Loss) -> bool:
    call = loss.forward if isinstance(loss, nn.Module) else loss
    try:
        return "progress" in inspect.signature(call).parameters
    except (TypeError, ValueError):  # a function written in C may not tell its parameters
        return False
