"""What is trained beside the segmentation, on sampled voxels of the same network, and dropped afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, unknown_name
from segkit.losses import CrossEntropyLoss
from segkit.nets import PointwiseHead
from segkit.nets.segmenter import Segmenter
from segkit.train import full_precision
from segkit.voxel_metric.coarse import coarse_labels, coarse_mean
from segkit.voxel_metric.contours import KEY
from segkit.voxel_metric.gathering import gather_voxels
from segkit.voxel_metric.sampling import VoxelSample, VoxelSampler
from segkit.voxel_metric.tuples import TripletPairLoss

Batch = Mapping[str, Tensor]
EmbeddingLoss = Callable[[Tensor, Tensor, torch.Generator], Mapping[str, Tensor]]
"""`loss(embeddings (M, d), labels (M,), generator)` → named scalars; `TripletPairLoss` is one."""


def named_loss(name: str, loss: Callable[[Tensor, Tensor], Tensor]) -> EmbeddingLoss:
    """A loss that is one number as a term of a branch: ours, or one of another library.

    Args:
        name: of the term; give it a weight in `MetricBranch(weights=…)`.
        loss: `loss(embeddings, labels)` → scalar.

    Example:
        >>> from segkit.voxel_metric import circle
        >>> loss = named_loss("circle", circle)
        >>> list(loss(torch.eye(4), torch.tensor([0, 0, 1, 1]), torch.Generator()))
        ['circle']
    """
    return lambda embeddings, labels, generator: {name: loss(embeddings, labels)}


class Branch(nn.Module):
    """Base of what is trained beside the segmentation.

    Attributes:
        taps: features that the branch reads, by name.
        weights: of its terms in the total; terms without a weight are logged only.
    """

    taps: tuple[str, ...]
    weights: dict[str, float]

    def forward(
        self, features: Mapping[str, Tensor], batch: Batch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Named terms of a batch, scalars.

        Args:
            features: the taps and "logits", as `Segmenter.forward_features` gives them.
            batch: "label" `(B, *S)`, and perhaps "distance_mm" and "valid"; see `VoxelSampler`.
            generator: where every number is drawn from.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")


class MetricBranch(Branch):
    r"""Embeddings of sampled voxels, pulled together within a class and pushed apart between classes.

    Voxels are sampled on the grid of each tap, their features gathered and projected by a `PointwiseHead`,
    $u = W_2\,\mathrm{ReLU}(W_1 F_v + b_1) + b_2$, which the loss normalises. With several taps each has a
    head of its own, and a term is the mean over them. On a coarse tap the class of a cell is that of most of
    its voxels, and cells without one are left out.

    Args:
        net: a network with taps; it is looked at, not kept.
        taps: names of feature maps, or one name; the paper's are not known.
        dim: d, numbers per embedding.
        hidden: widths of the head's hidden layers.
        sampler: which voxels.
        loss: terms of embeddings and labels.
        weights: of the terms in the total.
        across_images: whether tuples are formed from all images of the batch, or within each.
        memory: how many embeddings of earlier updates join the pool, without gradient. They are part of a
            checkpoint.

    Raises:
        ConfigError: a tap that the network does not have (the message lists those it has), none at all, or
            a negative memory.

    Example:
        >>> from segkit.nets import UNet
        >>> net = UNet(2, 1, 2, channels=(4, 8))
        >>> branch = MetricBranch(net, sampler=VoxelSampler("random", per_class=8))
        >>> batch = {"image": torch.rand(1, 1, 8, 8), "label": torch.ones(1, 8, 8, dtype=torch.int64).tril()}
        >>> features = net.forward_features(batch["image"], [*branch.taps, "logits"])
        >>> sorted(branch(features, batch, torch.Generator().manual_seed(0)))
        ['active_share', 'mined_share', 'pair', 'triplet']
    """

    memory_rows: Tensor
    memory_labels: Tensor

    def __init__(
        self,
        net: Segmenter,
        *,
        taps: Sequence[str] = ("decoder0",),
        dim: int = 32,
        hidden: Sequence[int] = (32,),
        sampler: VoxelSampler | None = None,
        loss: EmbeddingLoss | None = None,
        weights: Mapping[str, float] | None = None,
        across_images: bool = True,
        memory: int = 0,
    ) -> None:
        super().__init__()
        taps = [taps] if isinstance(taps, str) else taps
        if not taps or memory < 0:
            raise ConfigError(f"a metric branch needs a tap and a memory of 0 or more, got {taps}, {memory}")
        for name in taps:
            if name not in net.taps:
                raise unknown_name("tap", name, net.taps)
        self.taps, self.n_classes = tuple(taps), net.n_classes
        self.strides = {name: net.taps[name].stride for name in taps}
        self.heads = nn.ModuleDict(
            {name: PointwiseHead(net.taps[name].channels, hidden, dim) for name in taps}
        )
        self.sampler = sampler or VoxelSampler()
        self.loss = loss or TripletPairLoss()
        self.weights = dict(weights or {"triplet": 0.1, "pair": 0.1})
        self.across_images, self.memory = across_images, memory
        self.register_buffer("memory_rows", torch.zeros(len(taps), memory, dim))
        self.register_buffer("memory_labels", torch.full((len(taps), memory), -1))

    def forward(
        self, features: Mapping[str, Tensor], batch: Batch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """The loss's terms, each the mean over the taps; arguments as in `Branch`."""
        found = []
        for place, name in enumerate(self.taps):
            sample = self.sample(name, features["logits"], batch, generator)
            rows = gather_voxels(features[name], sample)
            with full_precision(rows):  # a few hundred rows: to cast the head costs more than it saves
                head = self.heads[name]
                embeddings = head(rows.to(next(head.parameters()).dtype)).float()
            found.append(self._terms(place, embeddings, sample, generator))
        if len(found) == 1:
            return dict(found[0])
        return {key: torch.stack([terms[key] for terms in found]).mean() for key in found[0]}

    def sample(self, tap: str, logits: Tensor, batch: Batch, generator: torch.Generator) -> VoxelSample:
        """Voxels on the grid of a tap."""
        stride, label = self.strides[tap], batch["label"]
        if "valid" in batch:
            label = label.masked_fill(~batch["valid"], -1)
        prediction = None
        if self.sampler.policy == "error":
            prediction = coarse_mean(logits.detach().float().softmax(1), stride).argmax(1)
        distance = coarse_mean(batch[KEY], stride) if KEY in batch else None
        return self.sampler(
            coarse_labels(label, stride, self.n_classes),
            generator=generator, distance_mm=distance, prediction=prediction,
        )  # fmt: skip

    def _terms(
        self, place: int, embeddings: Tensor, sample: VoxelSample, generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        if not self.across_images and len(sample):
            images = [sample.image == i for i in sample.image.unique()]
            terms = [self.loss(embeddings[own], sample.labels[own], generator) for own in images]
            return {key: torch.stack([each[key] for each in terms]).mean() for key in terms[0]}
        rows, labels = embeddings, sample.labels
        if self.memory:
            rows = torch.cat([rows, self.memory_rows[place]])
            labels = torch.cat([labels, self.memory_labels[place]])
            if self.training:
                # Empty places are labelled IGNORE; the newest rows come first and push out the oldest.
                self.memory_rows[place] = rows.detach()[: self.memory]
                self.memory_labels[place] = labels[: self.memory]
        return self.loss(rows, labels, generator)


class SameVoxelCE(Branch):
    """The control: cross-entropy on the voxels that a metric branch would draw, and no embedding.

    It separates where a metric branch looks from what it asks for.

    Args:
        sampler: as that of the branch it controls.
        weight: of the term "sampled_ce" in the total.
    """

    def __init__(self, sampler: VoxelSampler | None = None, *, weight: float = 0.5) -> None:
        super().__init__()
        self.taps, self.weights = (), {"sampled_ce": weight}
        self.sampler = sampler or VoxelSampler()
        self.loss = CrossEntropyLoss()

    def forward(
        self, features: Mapping[str, Tensor], batch: Batch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Mean cross-entropy over the sampled voxels; arguments as in `Branch`."""
        logits = features["logits"]
        prediction = logits.detach().argmax(1) if self.sampler.policy == "error" else None
        sample = self.sampler(
            batch["label"], generator=generator, distance_mm=batch.get(KEY), prediction=prediction,
            valid=batch.get("valid"),
        )  # fmt: skip
        rows = gather_voxels(logits, sample).float()
        return {"sampled_ce": self.loss(rows.T[None], sample.labels[None])}
