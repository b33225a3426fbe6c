"""The plainest method: one network, one loss, labelled images."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, unknown_name
from segkit.train.method import Batch, Method, State
from segkit.train.precision import full_precision

Loss = Callable[..., Tensor]
"""`loss(logits, labels)` or, where the batch has `valid`, `loss(logits, labels, valid=valid)` → scalar."""


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
        self.loss_modules = nn.ModuleList(
            [each for each in self.losses.values() if isinstance(each, nn.Module)]
        )

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The loss terms of a batch.

        Args:
            batch: `image`, `label`, and perhaps `valid` (B, *S), True where a label counts.
            state: where the run stands; not used.
        """
        logits = self.net(batch["image"])
        options = {"valid": batch["valid"]} if "valid" in batch else {}
        with full_precision(logits):
            logits = logits.float()
            terms = {name: loss(logits, batch["label"], **options) for name, loss in self.losses.items()}
        weighted = [self.weights.get(name, 1.0) * value for name, value in terms.items()]
        return {**terms, "total": torch.stack(weighted).sum()}

    def predict(self, image: Tensor) -> Tensor:
        """Softmax over the classes, in float32."""
        return torch.softmax(self.net(image).float(), dim=1)
