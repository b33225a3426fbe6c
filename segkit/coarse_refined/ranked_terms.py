"""Both ranked losses with their weights, to be added to any method whose network has embeddings."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from segkit.coarse_refined.inter_patch import InterPatchRankedLoss
from segkit.coarse_refined.intra_patch import IntraPatchRankedLoss
from segkit.coarse_refined.network import CoarseRefinedNet, Outputs
from segkit.errors import ConfigError
from segkit.train import State, full_precision


class RankedTerms(nn.Module):
    r"""$\gamma_1 \mathcal L_{intra} + \gamma_2 \mathcal L_{inter}$ over labelled images, after a start.

    Args:
        intra: the pixel-wise loss; None for none.
        inter: the patch-wise loss; None for none.
        weights: γ₁ and γ₂ ≥ 0. The paper's are not known; 0.1 each is ours.
        start: share of the run before which they are not computed.

    Raises:
        ConfigError: neither loss is given, or a number is out of range.
    """

    def __init__(
        self,
        intra: IntraPatchRankedLoss | None = None,
        inter: InterPatchRankedLoss | None = None,
        *,
        weights: tuple[float, float] = (0.1, 0.1),
        start: float = 0.1,
    ) -> None:
        super().__init__()
        if intra is None and inter is None:
            raise ConfigError("no ranked loss is given: pass intra, inter or both, or leave RankedTerms out")
        if len(weights) != 2 or not min(weights) >= 0 or not 0 <= start < 1:
            raise ConfigError(
                f"the two weights of ranked losses are 0 or more and start is in [0, 1): got {weights}, "
                f"{start}"
            )
        self.intra, self.inter = intra, inter
        self.weights, self.start = weights, start

    def check(self, net: nn.Module) -> None:
        """Refuse a network whose features these losses cannot rank.

        Raises:
            ConfigError: it has no embedding head, or one of another length or for other classes.
        """
        if not isinstance(net, CoarseRefinedNet):
            raise ConfigError(
                f"ranked losses need the embedding head of a CoarseRefinedNet, which a {type(net).__name__} "
                "lacks: give one, or leave them out"
            )
        if self.inter is not None and (self.inter.n_classes, self.inter.embedding) != (
            net.n_classes,
            net.embedding,
        ):
            raise ConfigError(
                f"the inter-patch loss is for {self.inter.n_classes} classes and embeddings of length "
                f"{self.inter.embedding}, the network for {net.n_classes} and {net.embedding}: use the same"
            )

    def forward(
        self, net: nn.Module, outputs: Outputs, image: Tensor, labels: Tensor, state: State
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Named terms and active shares, and the weighted sum; before the start, nothing and 0.

        Args:
            net: has the embedding head `embed`.
            outputs: of the labelled images.
            image: (B, C, *S).
            labels: (B, *S), IGNORE where a pixel must not be ranked.
            state: where the run stands.
        """
        total = outputs.features[:0].sum().float()
        terms: dict[str, Tensor] = {}
        if state.progress < self.start:
            return terms, total
        embed = cast(CoarseRefinedNet, net).embed
        with full_precision(outputs.features):
            exact = Outputs(*(each.float() for each in outputs))
            if self.intra is not None:
                terms |= self.intra(exact, labels, embed=embed, generator=state.generator)
                total = total + self.weights[0] * terms["intra"]
            if self.inter is not None:
                terms |= self.inter(exact, image, labels, embed=embed, generator=state.generator)
                total = total + self.weights[1] * terms["inter"]
        return terms, total


def both_outputs(net: nn.Module, image: Tensor) -> Outputs:
    """What a network says of an image; one without a refined output says it twice, and has no features."""
    if hasattr(net, "outputs"):
        found: Outputs = cast(CoarseRefinedNet, net).outputs(image)
        return found
    logits = net(image)
    return Outputs(logits, logits, logits.new_zeros(len(logits), 0, *logits.shape[2:]))


def averaged(values: list[Tensor]) -> Tensor:
    """Mean of scalars."""
    return torch.stack(values).mean()
