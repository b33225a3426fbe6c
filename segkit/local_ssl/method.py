"""Pre-training by views: an online network, a target network that follows it, and terms that compare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, unknown_name
from segkit.local_ssl.scene import Scene
from segkit.local_ssl.terms import Seen, Term, flat_terms
from segkit.nets.segmenter import Segmenter
from segkit.train import EMA, Batch, Method, State


def target_decay(iteration: int, iterations: int, *, start: float = 0.996) -> float:
    r"""How much of the target network stays in an update: $1-(1-\tau_0)\,\frac{\cos(\pi k/K)+1}2$.

    From τ₀ in the first update up to 1 at the end, as in BYOL [grill2020byol].

    Example:
        >>> [round(target_decay(k, 100, start=0.9), 3) for k in (0, 50, 100)]
        [0.9, 0.95, 1.0]
    """
    return 1 - (1 - start) * (math.cos(math.pi * min(1.0, iteration / max(1, iterations))) + 1) / 2


class LocalPretraining(Method):
    r"""Minimises $\sum_n w_n L_n$ over pairs of views, for any number of terms at any levels.

    Both views go through the network as one batch. Where a term asks for it, so do they through the target
    network, a moving average of network and projectors. Its batch norms, if it has any, use the statistics of
    the batch, as those of the online network do, in training; their running statistics are averaged with the
    weights.

    A batch is one of `ViewBatches`. Under DDP with a tap of the encoder the decoder gets no gradient: use the
    strategy "ddp_find_unused_parameters_true".

    Args:
        net: a segmentation network of `segkit.nets`; its head is not trained.
        terms: name → term, made for this network.
        weights: weight of each term; 1 where none is given.
        decay: τ₀ of `target_decay`. BYOL: 0.996; short runs need less, such as 0.98.

    Attributes:
        trained: names of the network's tensors that the terms train. Put it into the run's `config` as
            "pretrained", so that `load_pretrained` knows.

    Raises:
        ConfigError: no terms, a weight for none of them, or a decay outside [0, 1).

    Example:
        >>> from segkit.local_ssl import LocalConsistency, TwoBoxes, make_views
        >>> from segkit.nets import UNet
        >>> net = UNet(2, 1, 2, (4, 8))
        >>> local = LocalConsistency(net, "bottom", points=(3, 3), hidden=8, out=4)
        >>> method = LocalPretraining(net, {"local": local})
        >>> batch = make_views(torch.randn(2, 1, 24, 24), TwoBoxes((12, 12), overlap=0.5), seed=0)
        >>> sorted(method.step(batch, State(0, 10, torch.Generator())))
        ['local', 'local_points', 'local_spread', 'total']
    """

    def __init__(
        self,
        net: Segmenter,
        terms: Mapping[str, Term],
        *,
        weights: Mapping[str, float] | None = None,
        decay: float = 0.996,
    ) -> None:
        super().__init__()
        if not terms or "total" in terms:
            raise ConfigError("a pre-training needs at least one term, and none named 'total'")
        for name in (weights or {}).keys() - terms.keys():
            raise unknown_name("term", name, terms)
        if not 0 <= decay < 1:
            raise ConfigError(
                f"the decay of the target network lies in [0, 1), for example 0.996, got {decay}"
            )
        self.net = net
        self.terms = nn.ModuleDict(terms)
        self.weights, self.decay = dict(weights or {}), decay
        self.taps = list(dict.fromkeys(term.tap for term in terms.values()))
        self._slow = [name for name, term in terms.items() if term.uses_target]
        self.target: EMA | None = None
        if self._slow:
            self.target = EMA(self._followed(), decay, warmup=False)
        self.trained = trained_names(net, self.taps)

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The terms of a batch of pairs of views, what they watch, and their weighted sum `total`.

        Raises:
            DataError: the batch holds no pairs of views, or they are too small for a level.
        """
        scene = Scene.of(batch)
        for module in self.terms.values():
            cast(Term, module).cells.count(scene.first.shape)  # complains of views that are too small
        views = torch.cat([batch["view1"], batch["view2"]])
        online = self.net.forward_features(views, self.taps)
        target: dict[str, Tensor] = {}
        projectors: nn.ModuleDict | dict[str, nn.Module] = {}
        if self.target is not None:
            followed = cast(nn.ModuleDict, self.target.module.train(self.training))
            projectors = cast(nn.ModuleDict, followed["projectors"])
            with torch.no_grad():
                target = cast(Segmenter, followed["net"]).forward_features(views, self.taps)
        terms: dict[str, Tensor] = {}
        for name, module in self.terms.items():
            term = cast(Term, module)
            projector = projectors[name] if name in self._slow else None
            seen = Seen(online[term.tap], target.get(term.tap), projector)
            terms |= flat_terms(name, term(seen, scene))
        weighted = [self.weights.get(name, 1.0) * terms[name] for name in self.terms]
        return {**terms, "total": torch.stack(weighted).sum()}

    def after_update(self, state: State) -> None:
        """Let the target network follow."""
        if self.target is not None:
            self.target.decay = target_decay(state.iteration, state.iterations, start=self.decay)
            self.target.update(self._followed(), state.iteration)

    def _followed(self) -> nn.ModuleDict:
        """What the target network is a copy of. Made anew each time, so that no weight has two names."""
        projectors = {name: cast(Term, self.terms[name]).projector for name in self._slow}
        return nn.ModuleDict({"net": self.net, "projectors": nn.ModuleDict(projectors)})


def trained_names(net: Segmenter, taps: Sequence[str]) -> list[str]:
    """Names of the tensors of a network on which its taps depend, in the order of its `state_dict`.

    Found by asking for the gradient of the features of an image of zeros; buffers go with the module that
    holds them. The network is left as it was.
    """
    named = {name: value for name, value in net.named_parameters() if value.requires_grad}
    coarsest = [max(tap.stride[axis] for tap in net.taps.values()) for axis in range(net.spatial_dims)]
    size = getattr(net, "image_size", [2 * n for n in coarsest])
    was = net.training
    net.eval()  # batch norm must not learn from the zeros
    with torch.enable_grad():
        features = net.forward_features(next(net.parameters()).new_zeros(1, net.in_channels, *size), taps)
        total = torch.stack([each.sum() for each in features.values()]).sum()
    net.train(was)
    gradients = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    reached = {name for name, gradient in zip(named, gradients, strict=True) if gradient is not None}
    modules = {name.rpartition(".")[0] for name in reached}
    buffers = {name for name, _ in net.named_buffers() if name.rpartition(".")[0] in modules}
    return [name for name in net.state_dict() if name in reached | buffers]
