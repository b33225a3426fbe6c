"""Fine-tuning on few labelled cases: where weights are pre-trained, lower rates, or none at first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from segkit.errors import ConfigError, unknown_name
from segkit.losses import DiceCELoss
from segkit.train import Batch, Batches, State, Supervised, Trainer, one_cycle
from segkit.train.reporting import Validate
from segkit.train.supervised import Loss


class FineTuning(Supervised):
    """Supervised training in which pre-trained tensors may stand still at first.

    While they stand still they get no gradient; one device only, since DDP does not allow that.

    Args:
        net: maps images (B, C, *S) to logits (B, K, *S).
        loss: as in `Supervised`; by default Dice and cross-entropy.
        pretrained: names of the tensors of `net` that were pre-trained, such as `LoadReport.pretrained`.
        frozen: share of the updates in which they stand still, in [0, 1].
        weights: as in `Supervised`.

    Raises:
        ConfigError: a name that the network does not have, or a share outside [0, 1].
    """

    def __init__(
        self,
        net: nn.Module,
        loss: Loss | Mapping[str, Loss] | None = None,
        *,
        pretrained: Sequence[str] = (),
        frozen: float = 0.0,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(net, DiceCELoss() if loss is None else loss, weights=weights)
        known = net.state_dict()
        for name in pretrained:
            if name not in known:
                raise unknown_name("tensor of the network", name, known)
        if not 0 <= frozen <= 1:
            raise ConfigError(f"the frozen share of the updates lies in [0, 1], got {frozen}")
        self.frozen = frozen
        names = set(pretrained)
        self.old = [value for name, value in net.named_parameters() if name in names]

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The loss terms of a batch, see `Supervised`."""
        moving = state.progress >= self.frozen
        for parameter in self.old:
            parameter.requires_grad_(moving)
        return super().step(batch, state)


def two_rates(old: Iterable[Tensor], *, factor: float, weight_decay: float = 1e-2) -> Any:
    """AdamW with `factor` times the rate for some parameters, as the Trainer's `optimizer`.

    Args:
        old: parameters with the lower rate.
        factor: of their rate, 0 or more; 1 treats all alike.
        weight_decay: for all of them.

    Raises:
        ConfigError: the factor is negative.

    Example:
        >>> import torch
        >>> old, new = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
        >>> [group["lr"] for group in two_rates([old], factor=0.1)([old, new], lr=1.0).param_groups]
        [0.1, 1.0]
    """
    if factor < 0:
        raise ConfigError(f"the factor of a learning rate must not be negative, got {factor}")
    slow = {id(parameter) for parameter in old}

    def make(parameters: Iterable[Tensor], *, lr: float) -> Optimizer:
        given = list(parameters)
        groups = [
            {"params": [each for each in given if id(each) in slow], "lr": lr * factor},
            {"params": [each for each in given if id(each) not in slow], "lr": lr},
        ]
        return AdamW([group for group in groups if group["params"]], lr=lr, weight_decay=weight_decay)

    return make


def fine_tune(
    net: nn.Module,
    batches: Batches,
    *,
    iterations: int,
    lr: float = 5e-3,
    pretrained: Sequence[str] = (),
    factor: float = 1.0,
    frozen: float = 0.0,
    loss: Loss | Mapping[str, Loss] | None = None,
    seed: int = 0,
    validate: Validate | None = None,
    **options: Any,
) -> Trainer:
    """Train a network on labelled batches, one cycle of AdamW; the same call for every kind of start.

    Args:
        net: with the weights from which it starts.
        batches: with "image" and "label"; few cases come from `segkit.data.k_shot`.
        iterations: updates.
        lr: highest rate of the new tensors.
        pretrained: names of the tensors that are not new, such as `LoadReport.pretrained`.
        factor: of the rate of the pre-trained tensors.
        frozen: share of the updates in which these stand still.
        loss: as in `Supervised`; by default Dice and cross-entropy.
        seed: of the steps' random numbers.
        validate: as in `Trainer.fit`; with `validate_every` it gives Dice against updates.
        options: further ones of the `Trainer`.

    Returns:
        The trainer: predict with `trainer.predictor`, look at `trainer.history`.

    Raises:
        ConfigError: as `FineTuning` and `two_rates`.

    Example:
        >>> from segkit.data import PatchBatches, phantoms, z_score
        >>> from segkit.nets import UNet
        >>> cases = [z_score(case) for case in phantoms("hippocampus", 1)]
        >>> batches = PatchBatches(cases, patch=(16, 16, 16), batch_size=2, seed=0)
        >>> fine_tune(UNet(3, 1, 3, (4, 8)), batches, iterations=2, progress=False).done
        2
    """
    method = FineTuning(net, loss, pretrained=pretrained, frozen=frozen)
    settings: dict[str, Any] = {
        "optimizer": two_rates(method.old, factor=factor), "schedule": one_cycle, "logger": None, **options,
    }  # fmt: skip
    trainer = Trainer(method, iterations=iterations, lr=lr, seed=seed, **settings)
    trainer.fit(batches, validate=validate)
    return trainer
