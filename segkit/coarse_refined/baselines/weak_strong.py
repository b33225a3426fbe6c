"""Weak-to-strong consistency: what a practitioner would pick today."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segkit.coarse_refined.decoding import Decoder, Encoder
from segkit.coarse_refined.monitors import outlook
from segkit.coarse_refined.pseudo_labels import PseudoLabelLoss, pseudo_labels
from segkit.coarse_refined.ramps import RampUp
from segkit.coarse_refined.semi_supervised import Halves, SemiSupervised
from segkit.coarse_refined.views import StrongView
from segkit.errors import ConfigError
from segkit.nets import UNet
from segkit.train import State, full_precision


class WeakToStrong(SemiSupervised):
    r"""The net's sure labels on a weak view teach it on strong views, and on perturbed features.

    $$\mathcal L_{unl} = (1 - \mu) \frac1V \sum_{v=1}^V \ell(p(x^{s_v}), \hat y) + \mu\,\ell(p^{drop}(x^w),
    \hat y), \qquad \hat y = \arg\max p(x^w) \text{ where } \max p(x^w) \ge \kappa$$

    One view and μ = 0 is FixMatch [sohn2020fixmatch]; two views and μ = ½ is UniMatch [yang2023unimatch],
    here without its CutMix. Both have κ = 0.95 and an unlabelled loss that weighs as much as the supervised
    one from the first update. ℓ is half cross-entropy, half soft Dice over the sure pixels; FixMatch has
    cross-entropy alone, UniMatch on medical images soft Dice alone.

    Args:
        net: maps images to logits; a U-Net if features are to be perturbed.
        views: V.
        feature_share: μ in [0, 1). If not 0, half of the channels of every encoder level are dropped for
            one more pass of the decoder over the weak view.
        kappa: κ.
        view: makes the strong views.
        ramp: λ(t). Published: no ramp.
        loss: of labelled images.
        unlabelled_loss: `loss(logits, target_logits)`.

    Raises:
        ConfigError: an option is out of range, or features of a net that is no U-Net.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        views: int = 2,
        feature_share: float = 0.5,
        kappa: float = 0.95,
        view: StrongView = StrongView(),  # noqa: B008  (frozen)
        ramp: RampUp = RampUp(1.0, length=0.0),  # noqa: B008  (frozen)
        loss: nn.Module | None = None,
        unlabelled_loss: nn.Module | None = None,
    ) -> None:
        super().__init__(net, ramp=ramp, loss=loss)
        if views < 1 or not 0 <= feature_share < 1:
            raise ConfigError(
                f"views must be 1 or more and feature_share in [0, 1), got {views} and {feature_share}"
            )
        if feature_share and not isinstance(net, UNet):
            raise ConfigError(
                "features can be perturbed between encoder and decoder of a UNet alone: give one, or "
                "set feature_share=0"
            )
        self.views, self.feature_share, self.view, self.kappa = views, feature_share, view, kappa
        self.unlabelled_loss = unlabelled_loss or PseudoLabelLoss(kappa)

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """The supervised loss, and that of the strong views and perturbed features."""
        weak = halves.unlabelled
        with torch.no_grad():
            target = self.net(weak).float()
        strong = [self.view(weak, state.generator) for _ in range(self.views)]
        logits = self.net(torch.cat([halves.image, *strong]))
        own, other = halves.split(logits)
        with full_precision(logits):
            losses = [self.unlabelled_loss(each.float(), target) for each in other.split(len(weak))]
            unlabelled = torch.stack(losses).mean()
        if self.feature_share:
            dropped = self._without_features(weak, state.generator)
            with full_precision(logits):
                perturbed = self.unlabelled_loss(dropped.float(), target)
            unlabelled = (1 - self.feature_share) * unlabelled + self.feature_share * perturbed
        sure = (pseudo_labels(target, kappa=self.kappa) >= 0).float().mean()
        return {
            "supervised": self.supervised(own, halves.label),
            "unlabelled": unlabelled,
            "sure": sure,
            **outlook(target),
        }

    def _without_features(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Logits of an image with half of the channels dropped between encoder and decoder."""
        assert isinstance(self.net, UNet)  # the constructor has looked
        levels = Encoder(self.net)(image)
        for i, features in enumerate(levels):
            kept = torch.rand(features.shape[:2], generator=generator, device=image.device) < 0.5
            levels[i] = features * (2 * kept.to(features)).view(*kept.shape, *(1 for _ in image.shape[2:]))
        return Decoder(self.net)(levels, image.shape[2:])[1]
