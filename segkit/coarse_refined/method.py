"""CRII-Net as one step: supervised pair, coarse-refined consistency, and two ranked losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segkit.coarse_refined.consistency import CoarseRefinedConsistency
from segkit.coarse_refined.monitors import gap, outlook
from segkit.coarse_refined.network import CoarseRefinedNet
from segkit.coarse_refined.ramps import RampUp
from segkit.coarse_refined.ranked_terms import RankedTerms, averaged
from segkit.coarse_refined.semi_supervised import Halves, SemiSupervised
from segkit.coarse_refined.views import StrongView
from segkit.errors import ConfigError
from segkit.train import State, full_precision


class CoarseRefined(SemiSupervised):
    r"""Coarse-refined consistency, with ranked losses on top where they are given.

    $$\mathcal L = \tfrac12 \sum_{o \in \{c, r\}} \mathcal L_{sup}(s_o, y) + \lambda(t)\,\mathcal L_{con} +
    \gamma_1 \mathcal L_{intra} + \gamma_2 \mathcal L_{inter}$$

    The three ingredients are those of [du2023criinet]; everything else is ours. With a strong view, which is
    the default, the target is the refined output on the weak view, without gradient, and both outputs learn
    it on the strong view: the difference between the views is what new information enters through. With
    `view=None` the coarse output follows the refined one on the same view; then the refiner learns from
    labels alone, unless the consistency is "symmetric", which differs from "detached" there and only there.

    Logged besides the terms, on unlabelled weak views: "gap", the mean of $\lVert p_c - p_r \rVert$,
    "entropy" and "foreground" of the target; and the active shares of the ranked losses. See `TargetWatch`
    for flips.

    Args:
        net: with two outputs and, for ranked losses, embeddings.
        view: makes the strong view; None for the same view.
        consistency: `loss(prediction, target)` of logits. `PseudoLabelLoss(0.9)` is another choice.
        ramp: λ(t); ours is 0.1 over 40 % of the run.
        ranked: the ranked losses.
        loss: of labelled images, for each output.

    Raises:
        ConfigError: the net has one output, or ranked losses do not fit it.

    Example:
        >>> method = CoarseRefined(CoarseRefinedNet(2, 1, 2, (4, 8)))
        >>> x, y = torch.randn(2, 1, 8, 8), torch.ones(2, 8, 8, dtype=torch.int64)
        >>> state = State(0, 100, torch.Generator().manual_seed(0))
        >>> sorted(method.step({"image": x, "label": y, "unlabelled_image": x}, state))
        ['entropy', 'foreground', 'gap', 'supervised', 'total', 'unlabelled']
    """

    def __init__(
        self,
        net: CoarseRefinedNet,
        *,
        view: StrongView | None = StrongView(),  # noqa: B008  (frozen)
        consistency: nn.Module | None = None,
        ramp: RampUp = RampUp(0.1, length=0.4),  # noqa: B008  (frozen)
        ranked: RankedTerms | None = None,
        loss: nn.Module | None = None,
    ) -> None:
        super().__init__(net, ramp=ramp, loss=loss)
        if not isinstance(net, CoarseRefinedNet):
            raise ConfigError(
                f"a {type(net).__name__} has one output, and coarse-refined consistency needs two: give a "
                "CoarseRefinedNet"
            )
        if ranked is not None:
            ranked.check(net)
        self.view, self.ranked = view, ranked
        self.consistency = consistency or CoarseRefinedConsistency()

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """All terms; the weighted ranked losses are part of "supervised", which needs labels as they do."""
        assert isinstance(self.net, CoarseRefinedNet)
        labelled = slice(0, len(halves.image))
        unlabelled = slice(len(halves.image), None)
        if self.view is None:
            out = self.net.outputs(halves.joined)
            target = out.rows(unlabelled)
            pairs = [(target.coarse, target.refined)]
        else:
            with torch.no_grad():
                target = self.net.outputs(halves.unlabelled)
            strong = self.view(halves.unlabelled, state.generator)
            out = self.net.outputs(torch.cat([halves.image, strong]))
            seen = out.rows(unlabelled)
            pairs = [(seen.coarse, target.refined), (seen.refined, target.refined)]
        own = out.rows(labelled)
        with full_precision(own.coarse):
            consistency = averaged([self.consistency(a.float(), b.float()) for a, b in pairs])
        supervised = averaged([self.supervised(each, halves.label) for each in (own.coarse, own.refined)])
        named: dict[str, Tensor] = {}
        if self.ranked is not None:
            named, weighted = self.ranked(self.net, own, halves.image, halves.label, state)
            supervised = supervised + weighted
        return {
            "supervised": supervised,
            "unlabelled": consistency,
            **named,
            "gap": gap(target.coarse, target.refined),
            **outlook(target.refined),
        }
