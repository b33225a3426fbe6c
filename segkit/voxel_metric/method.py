"""MetricUNet's second stage as a step: the segmentation losses and, beside them, sampled voxels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, unknown_name
from segkit.losses import DiceCELoss
from segkit.nets.segmenter import Segmenter
from segkit.train import Batch, Method, State, full_precision
from segkit.train.supervised import Loss
from segkit.voxel_metric.branch import Branch


class MetricUNet(Method):
    r"""Segmentation and branches on one trunk:
    $$ L = L_{seg} + w(t) \sum_b \sum_n \lambda_{bn} L_{bn}, \qquad w(t) = \min(1, t / T_w) $$

    with the default branch $L_{CE} + L_{Dice} + w(t) (\lambda_t L_{tri} + \lambda_p L_{pair})$. Early
    features are random, and what is mined from them is noise: the branches come in over the first $T_w$
    updates. Only `net` predicts; the branches vanish with the training, and a checkpoint of this method
    hands out a plain network.

    Args:
        net: with taps, in two or three dimensions and any number of classes.
        branches: one or several: `MetricBranch`, `SameVoxelCE`, ….
        loss: of logits and labels, the image-level part; by default CE + Dice.
        warm_up: $T_w$ as a share of the updates, in [0, 1].

    Raises:
        ConfigError: the warm-up is out of range, two branches give a term of one name, or a weight names a
            term that its branch does not give.

    Example:
        >>> from segkit.nets import UNet
        >>> from segkit.voxel_metric import MetricBranch, VoxelSampler
        >>> net = UNet(2, 1, 2, channels=(4, 8))
        >>> method = MetricUNet(net, MetricBranch(net, sampler=VoxelSampler("random", per_class=8)))
        >>> batch = {"image": torch.rand(1, 1, 8, 8), "label": torch.ones(1, 8, 8, dtype=torch.int64).tril()}
        >>> sorted(method.step(batch, State(5, 10, torch.Generator().manual_seed(0))))
        ['active_share', 'mined_share', 'pair', 'segmentation', 'total', 'triplet']
    """

    def __init__(
        self,
        net: Segmenter,
        branches: Branch | Sequence[Branch],
        *,
        loss: Loss | None = None,
        warm_up: float = 0.1,
    ) -> None:
        super().__init__()
        if not 0 <= warm_up <= 1:
            raise ConfigError(f"the warm-up is a share of the updates, in [0, 1], got {warm_up}")
        self.net, self.warm_up = net, warm_up
        self.loss: Loss = DiceCELoss() if loss is None else loss
        self.branches = nn.ModuleList([branches] if isinstance(branches, Branch) else branches)

    def ramp(self, state: State) -> float:
        """w(t): 0 in the first update, 1 after the warm-up."""
        return 1.0 if self.warm_up == 0 else min(1.0, state.progress / self.warm_up)

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The terms of a batch.

        Args:
            batch: "image", "label", what the branches need, and perhaps "valid".
            state: its generator draws the voxels.

        Returns:
            "segmentation", the terms of the branches, and "total".
        """
        branches = [cast(Branch, branch) for branch in self.branches]
        taps = dict.fromkeys(name for branch in branches for name in branch.taps)
        features = self.net.forward_features(batch["image"], [*taps, "logits"])
        options = {"valid": batch["valid"]} if "valid" in batch else {}
        with full_precision(features["logits"]):
            segmentation = self.loss(features["logits"].float(), batch["label"], **options)
        terms = {"segmentation": segmentation}
        total = segmentation
        for branch in branches:
            found = branch(features, batch, state.generator)
            if clash := terms.keys() & found.keys():
                raise ConfigError(f"two branches give the term {min(clash)!r}: rename it in one of them")
            terms |= found
            for name, weight in branch.weights.items():
                if name not in found:
                    raise unknown_name("loss term", name, found)
                total = total + self.ramp(state) * weight * found[name]
        return {**terms, "total": total}

    def predict(self, image: Tensor) -> Tensor:
        """Softmax over the classes, in float32; the branches are not touched."""
        return torch.softmax(self.net(image).float(), dim=1)
