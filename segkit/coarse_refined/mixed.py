"""CRII-Net on mixed images: copy-paste, coarse-refined consistency on whole images, and ranked losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from segkit.coarse_refined.baselines.mixing import CopyPaste
from segkit.coarse_refined.consistency import CoarseRefinedConsistency
from segkit.coarse_refined.monitors import gap, outlook
from segkit.coarse_refined.network import CoarseRefinedNet
from segkit.coarse_refined.ramps import RampUp
from segkit.coarse_refined.ranked_terms import averaged
from segkit.coarse_refined.semi_supervised import Halves, SemiSupervised
from segkit.coarse_refined.views import StrongView
from segkit.train import Batch, State, full_precision


class MixedCoarseRefined(CopyPaste):
    r"""Copy-paste whose network also keeps its two outputs consistent on whole unlabelled images.

    $$\mathcal L = \mathcal L_{mix} + \lambda(t)\,\tfrac12 \sum_{o \in \{c, r\}} \mathcal L_{con}(s_o(x^s),
    \bar s_r(x^w)) + \gamma_1 \mathcal L_{intra} + \gamma_2 \mathcal L_{inter}$$

    The refined output of the moving average gives both kinds of targets: hard labels of what is pasted, and
    soft ones of the whole image, which both outputs learn on a strong view. With `unlabelled=False` labelled
    images are pasted into labelled ones alone, and unlabelled images enter through the consistency only. To
    join the two is ours, neither [bai2023bcp] nor [du2023criinet].

    Args:
        net: with two outputs and, for ranked losses, embeddings.
        consistency: `loss(prediction, target)` of logits.
        consistency_ramp: λ(t).
        view: makes the strong views, of whole and of pasted images.
        own: the net itself gives the soft targets, not its moving average.
        options: of `CopyPaste`.

    Example:
        >>> method = MixedCoarseRefined(CoarseRefinedNet(2, 1, 2, (4, 8)), pretrain=0.0)
        >>> x, y = torch.randn(2, 1, 8, 8), torch.ones(2, 8, 8, dtype=torch.int64)
        >>> state = State(50, 100, torch.Generator().manual_seed(0))
        >>> sorted(method.step({"image": x, "label": y, "unlabelled_image": x}, state))
        ['consistency', 'entropy', 'foreground', 'gap', 'supervised', 'total', 'unlabelled']
    """

    def __init__(
        self,
        net: CoarseRefinedNet,
        *,
        consistency: nn.Module | None = None,
        consistency_ramp: RampUp = RampUp(1.0, length=0.4),  # noqa: B008  (frozen)
        view: StrongView = StrongView(),  # noqa: B008  (frozen)
        own: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(net, view=view, **options)
        self.consistency = consistency or CoarseRefinedConsistency()
        self.consistency_ramp, self.strong, self.own = consistency_ramp, view, own

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The loss terms of a batch, which must hold unlabelled images in any case."""
        return SemiSupervised.step(self, batch, state)

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """Those of copy-paste, with the weighted "consistency" in "supervised": it has a ramp of its own."""
        terms = super().terms(halves, state)
        teacher = self.net if self.own else self.teacher.module
        assert isinstance(self.net, CoarseRefinedNet) and isinstance(teacher, CoarseRefinedNet)
        with torch.no_grad():
            target = teacher.outputs(halves.unlabelled)
        out = self.net.outputs(self.strong(halves.unlabelled, state.generator))
        with full_precision(out.coarse):
            pairs = [(each.float(), target.refined.float()) for each in (out.coarse, out.refined)]
            consistency = averaged([self.consistency(*pair) for pair in pairs])
        return {
            **terms,
            **outlook(target.refined),
            "supervised": terms["supervised"] + self.consistency_ramp(state) * consistency,
            "consistency": consistency.detach(),
            "gap": gap(target.coarse, target.refined),
        }
