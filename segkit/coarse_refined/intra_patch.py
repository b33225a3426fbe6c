"""The intra-patch ranked loss: pixels of one patch, ranked against each other and against no others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from segkit.coarse_refined.contour_patches import ContourPatchSampler
from segkit.coarse_refined.lists import Ranking, rank_lists
from segkit.coarse_refined.network import Outputs
from segkit.coarse_refined.readings import (
    hardest_pixels,
    neighbour_ap,
    score_ranking,
    smooth_ap,
    structure_scores,
)
from segkit.errors import ConfigError, DataError, unknown_name
from segkit.losses.reduction import reduce

READINGS = ("list", "hardest", "scores", "ap", "neighbours")
"""R1 to R4, the last of scores and of embeddings."""


_OF_SCORES: dict[str, Callable[..., Tensor]] = {
    "hardest": hardest_pixels,
    "scores": score_ranking,
    "ap": smooth_ap,
}


_OPTIONS: dict[str, tuple[str, ...]] = {
    "list": (),
    "hardest": ("share",),
    "scores": ("margin",),
    "ap": ("temperature",),
    "neighbours": ("anchors", "temperature"),
}


class IntraPatch(NamedTuple):
    """The value of every patch, (P,), and which shares of the pairs of all patches violate, for R1."""

    values: Tensor
    active_positives: Tensor
    active_negatives: Tensor


def intra_patch_ranked_loss(embeddings: Tensor, *, ranking: Ranking | None = None) -> IntraPatch:
    r"""Small where in every patch pixels of one side are close together and pixels of two sides apart.

    $$\mathcal L_p = \frac{1}{2n} \sum_{i=1}^{2n} \left[(1-\beta)\,\mathcal L^P_i
    + \beta\,\mathcal L^N_i\right]$$

    with the lists of `ranked_list_loss` [wang2019rankedlist] filled from the pixels of the same patch:
    contrast and texture of a place are the same for all that are compared. That pixels are ranked within
    patches, for the sake of blurred boundaries, is stated by [du2023criinet]; the equation is ours.

    Args:
        embeddings: z, float, (P, 2 n, d): of each patch n pixels of the structure, then n others.
        ranking: boundaries and weights.

    Returns:
        Values (P,), ≥ 0, in the dtype of the embeddings, 0 for a perfect prediction; and two shares in [0,
        1], without gradient: of the pairs of one side, and of two sides, those that violate. The mean runs
        over patches.

    Empty and ignored:
        Pixels that do not count are not drawn. Without a patch (P = 0) nothing is returned, and `reduce` of
        it is 0, connected to the graph, with a gradient of 0.

    Cost:
        Time O(P n² d); 4 P n² numbers are kept for the gradient.

    Raises:
        DataError: the number of pixels per patch is odd, or the embeddings are not floating point.

    Example:
        >>> z = torch.tensor([[[0.0, 0.0], [0.1, 0.0], [2.0, 0.0], [2.0, 0.1]]])
        >>> intra_patch_ranked_loss(z).values
        tensor([0.])
    """
    if embeddings.ndim != 3 or embeddings.shape[1] % 2:
        raise DataError(
            "embeddings must have the shape (P, 2 n, d), n pixels of each side, got "
            f"{tuple(embeddings.shape)}"
        )
    n = embeddings.shape[1] // 2
    sides = torch.stack([embeddings[:, :n], embeddings[:, n:]], 1)
    found = rank_lists(sides, None, sides.flip(1), ranking=ranking or Ranking())
    sizes = found.values.numel() * (n - 1), found.values.numel() * n
    shares = (
        count.sum() / max(1, size)
        for count, size in zip((found.active_positives, found.active_negatives), sizes, strict=True)
    )
    return IntraPatch(found.values.mean((1, 2)), *shares)


class IntraPatchRankedLoss(nn.Module):
    """Draws patches on the contours of a labelled batch and ranks their pixels.

    Args:
        reading: "list" (R1, embeddings), "hardest" (R2), "scores" (R3) or "ap" (R4), all three of refined
            scores, or "neighbours" (R4 of embeddings).
        sampler: which pixels.
        ranking: of "list".
        options: `share` of "hardest", `margin` of "scores", `temperature` of "ap" (1 by default, for
            logits), `anchors` and `temperature` of "neighbours".

    Raises:
        ConfigError: an unknown reading, or an option that it does not have.

    Example:
        >>> from segkit.coarse_refined import CoarseRefinedNet
        >>> net, labels = CoarseRefinedNet(2, 1, 2, (4, 8)), torch.zeros(1, 16, 16, dtype=torch.int64)
        >>> labels[0, 4:9, 4:9] = 1
        >>> loss = IntraPatchRankedLoss(sampler=ContourPatchSampler(8, patches=2, per_side=4))
        >>> out = net.outputs(torch.randn(1, 1, 16, 16))
        >>> sorted(loss(out, labels, embed=net.embed, generator=torch.Generator().manual_seed(0)))
        ['intra', 'intra_negatives', 'intra_positives']
    """

    def __init__(
        self,
        reading: str = "list",
        *,
        sampler: ContourPatchSampler | None = None,
        ranking: Ranking | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if reading not in READINGS:
            raise unknown_name("reading of the intra-patch loss", reading, READINGS)
        if reading == "ap":
            options = {"temperature": 1.0, **options}
        known = _OPTIONS[reading]
        if unknown := options.keys() - set(known):
            raise ConfigError(
                f"the reading {reading!r} has no option {sorted(unknown)}; it has {list(known)}"
            )
        self.reading, self.ranking = reading, ranking or Ranking()
        self.sampler = sampler or ContourPatchSampler()
        self.of_scores: Callable[[Tensor, Tensor], Tensor] | None = None
        if reading in _OF_SCORES:
            self.of_scores = partial(_OF_SCORES[reading], **options)
        self.options = options

    def forward(
        self,
        outputs: Outputs,
        labels: Tensor,
        *,
        embed: Callable[[Tensor], Tensor],
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """The loss and, for "list", its active shares.

        Args:
            outputs: of labelled images.
            labels: (B, *S).
            embed: maps rows of features (N, C) to embeddings (N, d).
            generator: for the sampler.

        Returns:
            "intra", a scalar, 0 without a contour; "intra_positives" and "intra_negatives".
        """
        found = self.sampler(labels, generator, n_classes=outputs.refined.shape[1])
        if self.of_scores is not None:
            scores = structure_scores(found.gather(outputs.refined), found.structure)
            targets = torch.arange(scores.shape[1], device=labels.device) < found.per_side
            return {"intra": reduce(self.of_scores(scores, targets.expand_as(scores)))}
        rows = found.gather(outputs.features)
        z = embed(rows.flatten(0, 1)).float().unflatten(0, rows.shape[:2])
        if self.reading == "neighbours":
            return {"intra": reduce(neighbour_ap(z, **self.options))}
        ranked = intra_patch_ranked_loss(z, ranking=self.ranking)
        return {
            "intra": reduce(ranked.values),
            "intra_positives": ranked.active_positives,
            "intra_negatives": ranked.active_negatives,
        }
