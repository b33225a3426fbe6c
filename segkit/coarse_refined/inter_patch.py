"""The inter-patch ranked loss: descriptors of whole patches, ranked over the mini-batch and a memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segkit.coarse_refined.grid_patches import GridPatches, GridPatchSampler
from segkit.coarse_refined.lists import Ranking, rank_lists
from segkit.coarse_refined.memory import DescriptorMemory
from segkit.coarse_refined.network import Outputs
from segkit.errors import ConfigError, DataError
from segkit.losses.inputs import IGNORE
from segkit.losses.reduction import reduce


class InterPatch(NamedTuple):
    """The value of every anchor, (K', L), which anchors count, and which shares of the pairs violate."""

    values: Tensor
    counts: Tensor
    active_positives: Tensor
    active_negatives: Tensor


def inter_patch_ranked_loss(
    descriptors: Tensor,
    labels: Tensor,
    *,
    others: Tensor | None = None,
    other_labels: Tensor | None = None,
    ranking: Ranking | None = None,
) -> InterPatch:
    r"""Small where patches with a structure lie together and away from patches without it.

    $$\mathcal L = \frac{1}{|\mathcal A|} \sum_{k \in \mathcal A} \left[(1-\beta)\,\mathcal L^P_k
    + \beta\,\mathcal L^N_k\right]$$

    with the lists of `ranked_list_loss` [wang2019rankedlist] over descriptors q of patches of all images;
    anchors are the patches with the structure. That patches are ranked, against low contrast, is stated by
    [du2023criinet]; the equation is ours.

    Args:
        descriptors: q, float, (K', Q, d): for each of K' structures, the slots of a mini-batch.
        labels: int64, (K', Q): 1 with the structure, 0 without, IGNORE = −1 for an empty slot.
        others: (K', M, d), a memory that fills the lists besides; usually without gradient.
        other_labels: (K', M).
        ranking: boundaries and weights.

    Returns:
        Values (K', Q), ≥ 0, in the dtype of the descriptors, 0 for a perfect prediction; which of them are
        anchors (an anchor has a partner in both lists); and the shares of violating pairs, without gradient.
        The mean runs over anchors: `reduce(values, counts)`.

    Empty and ignored:
        An empty slot is no anchor and in no list. Without a patch on either side the loss is 0 and so is its
        gradient, connected to the graph.

    Cost:
        Time O(K' Q (Q + M) d); 2 K' Q (Q + M) numbers are kept for the gradient.

    Raises:
        DataError: shapes do not fit.

    Example:
        >>> q = torch.tensor([[[0.0, 0.0], [0.5, 0.0], [3.0, 0.0]]])
        >>> found = inter_patch_ranked_loss(q, torch.tensor([[1, 1, 0]]))
        >>> found.values, found.counts
        (tensor([[0., 0., 0.]]), tensor([[ True,  True, False]]))
    """
    if others is None or other_labels is None:
        others, other_labels = descriptors[:, :0], labels[:, :0]
    rows, classes = torch.cat([descriptors, others.to(descriptors)], 1), torch.cat([labels, other_labels], 1)
    if rows.shape[:2] != classes.shape:
        raise DataError(
            f"descriptors of shape {tuple(rows.shape)} need labels {tuple(rows.shape[:2])}, got "
            f"{tuple(classes.shape)}"
        )
    anchor, is_one, is_zero = labels == 1, classes == 1, classes == 0
    found = rank_lists(
        descriptors, rows, rows, ranking=ranking or Ranking(), valid_positives=is_one, valid_negatives=is_zero
    )
    n_one, n_zero = is_one.sum(1, keepdim=True), is_zero.sum(1, keepdim=True)
    counts = anchor & (n_one > 1) & (n_zero > 0)
    shares = (
        active[counts].sum() / (counts * size).sum().clamp(min=1)
        for active, size in ((found.active_positives, n_one - 1), (found.active_negatives, n_zero))
    )
    return InterPatch(found.values.masked_fill(~counts, 0), counts, *shares)


def graded_patch_ranking(
    scores: Tensor, fractions: Tensor, *, delta: float = 0.1, tau: float = 1.0
) -> Tensor:
    r"""Small where patches are ordered by how much of a structure they show.

    $$\ell = \frac{1}{|\Pi|} \sum_{(k, l) \in \Pi} \log\left(1 + e^{-(s_k - s_l)/\tau}\right), \qquad
    \Pi = \{(k, l) : r_k > r_l + \delta\}$$

    the pairwise logistic loss of [burges2005ranknet] over fractions r; ours.

    Args:
        scores: s, float, (*R, Q).
        fractions: r in [0, 1], (*R, Q); NaN for an empty slot.
        delta: δ ≥ 0: patches that differ less are not ordered.
        tau: τ > 0.

    Returns:
        (*R,), ≥ 0, in the dtype of the scores; 0 for a perfect prediction, as differences grow, and without
        a pair. The mean runs over lists.

    Cost: time and memory O(Q²) for each list.

    Raises:
        DataError: shapes differ, or numbers are not floating point.
        ConfigError: an option is out of range.

    Example:
        >>> graded_patch_ranking(torch.tensor([0.0, 0.0]), torch.tensor([0.9, 0.1]))  # log 2
        tensor(0.6931)
    """
    if scores.shape != fractions.shape:
        raise DataError(f"{tuple(scores.shape)} scores do not fit {tuple(fractions.shape)} fractions")
    if not (scores.is_floating_point() and fractions.is_floating_point()):
        raise DataError(f"scores and fractions are floating point, not {scores.dtype}, {fractions.dtype}")
    if not (delta >= 0 and tau > 0):
        raise ConfigError(f"delta must be 0 or more and tau positive, got {delta} and {tau}")
    s = scores.to(torch.promote_types(scores.dtype, torch.float32))
    pairs = fractions[..., :, None] > fractions[..., None, :] + delta  # False wherever one is NaN
    values = F.softplus((s[..., None, :] - s[..., :, None]) / tau).masked_fill(~pairs, 0)
    return (values.sum((-2, -1)) / pairs.sum((-2, -1)).clamp(min=1)).to(scores.dtype)


class InterPatchRankedLoss(nn.Module):
    """Chooses patches of a labelled batch, describes and ranks them.

    The descriptor of a patch is the normalised mean of the embeddings of its pixels: of those of the
    structure in a patch that shows it, of all in one that does not.

    Args:
        n_classes: K.
        embedding: length d of the embeddings.
        sampler: which patches.
        ranking: boundaries and weights.
        pixels: of each patch, so many are embedded.
        memory: descriptors of earlier batches to rank against, per structure; 0 for none.
        graded: order patches by the share of the structure, with a learnt direction per structure, in place
            of the lists.

    Raises:
        ConfigError: an option is out of range.

    Example:
        >>> from segkit.coarse_refined import CoarseRefinedNet
        >>> net, labels = CoarseRefinedNet(2, 1, 2, (4, 8)), torch.zeros(1, 16, 16, dtype=torch.int64)
        >>> labels[0, 4:12, 4:12] = 1
        >>> image = torch.randn(1, 1, 16, 16)
        >>> loss = InterPatchRankedLoss(2, sampler=GridPatchSampler(4))
        >>> generator = torch.Generator().manual_seed(0)
        >>> terms = loss(net.outputs(image), image, labels, embed=net.embed, generator=generator)
        >>> sorted(terms)
        ['inter', 'inter_negatives', 'inter_positives']
    """

    def __init__(
        self,
        n_classes: int,
        *,
        embedding: int = 32,
        sampler: GridPatchSampler | None = None,
        ranking: Ranking | None = None,
        pixels: int = 64,
        memory: int = 256,
        graded: bool = False,
    ) -> None:
        super().__init__()
        if n_classes < 2 or pixels < 1 or memory < 0:
            raise ConfigError(f"n_classes ≥ 2, pixels ≥ 1, memory ≥ 0: got {n_classes}, {pixels}, {memory}")
        self.n_classes, self.embedding, self.pixels = n_classes, embedding, pixels
        self.sampler = sampler or GridPatchSampler(mixed=graded)
        self.ranking = ranking or Ranking()
        keeps = memory > 0 and not graded
        self.memory = DescriptorMemory(n_classes - 1, memory, embedding) if keeps else None
        self.direction = nn.Parameter(torch.zeros(n_classes - 1, embedding)) if graded else None

    def forward(
        self,
        outputs: Outputs,
        image: Tensor,
        labels: Tensor,
        *,
        embed: Callable[[Tensor], Tensor],
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """The loss and its active shares; in training, the memory then takes the new descriptors.

        Args:
            outputs: of the labelled images.
            image: (B, C, *S), what was labelled.
            labels: (B, *S).
            embed: maps rows of features (N, C) to embeddings (N, d).
            generator: for the sampler.

        Returns:
            "inter", a scalar, 0 without patches on both sides; "inter_positives" and "inter_negatives".
        """
        patches = self.sampler(image, labels, generator, n_classes=self.n_classes)
        q = self._describe(patches, outputs.features, labels, embed, generator)
        used = patches.used.flatten(1)
        if self.direction is not None:
            scores = torch.einsum("kqd,kd->kq", q, self.direction)
            fractions = patches.fraction.flatten(1).masked_fill(~used, torch.nan)
            return {"inter": graded_patch_ranking(scores, fractions).mean()}
        slots = torch.arange(patches.patch.shape[2], device=labels.device)
        shown = (slots < self.sampler.slots).long().expand_as(patches.patch).flatten(1)
        classes = shown.masked_fill(~used, IGNORE)
        past = (
            {}
            if self.memory is None
            else {"others": self.memory.rows.clone(), "other_labels": self.memory.labels}
        )
        found = inter_patch_ranked_loss(q, classes, ranking=self.ranking, **past)
        if self.memory is not None and self.training:
            self.memory.push(q, classes)
        return {
            "inter": reduce(found.values, found.counts),
            "inter_positives": found.active_positives,
            "inter_negatives": found.active_negatives,
        }

    def _describe(
        self,
        patches: GridPatches,
        features: Tensor,
        labels: Tensor,
        embed: Callable[[Tensor], Tensor],
        generator: torch.Generator,
    ) -> Tensor:
        """Descriptors (K − 1, B · 2 L, d) of unit length, class after class; 0 in empty slots."""
        place = self.sampler.pixels(patches, labels.shape[1:], self.pixels, generator)
        row = torch.arange(len(labels), device=labels.device)[:, None, None]
        shown = labels.flatten(1)[row, place]  # (K − 1, B, 2 L, m)
        structure = torch.arange(1, self.n_classes, device=labels.device).view(-1, 1, 1, 1)
        slots = torch.arange(place.shape[2], device=labels.device)[:, None]
        wanted = torch.where(slots < self.sampler.slots, shown == structure, shown != IGNORE)
        if self.sampler.mixed:
            wanted = shown != IGNORE
        wanted = wanted & patches.used[..., None]
        # Only pixels that count are embedded, each once per slot.
        which = wanted.flatten().nonzero()[:, 0]
        image = row.expand_as(place).flatten()[which]
        dense = features.movedim(1, -1).flatten(1, -2)
        z = embed(dense[image, place.flatten()[which]]).float()
        total = z.new_zeros(patches.patch.numel(), z.shape[1])
        total = total.index_add(0, which // place.shape[3], z)
        return F.normalize(total, dim=1, eps=1e-6).view(len(patches.patch), -1, z.shape[1])
