"""Copy-paste: boxes of one image in another, labels and all. The control that any mixing arm needs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segkit.coarse_refined.monitors import gap, outlook
from segkit.coarse_refined.pseudo_labels import largest_parts, pseudo_labels
from segkit.coarse_refined.ramps import RampUp
from segkit.coarse_refined.ranked_terms import RankedTerms, averaged, both_outputs
from segkit.coarse_refined.semi_supervised import Halves, SemiSupervised
from segkit.coarse_refined.views import StrongView
from segkit.errors import ConfigError, DataError
from segkit.losses.inputs import IGNORE
from segkit.train import EMA, Batch, State


class CopyPaste(SemiSupervised):
    r"""Bidirectional copy-paste [bai2023bcp], in any of its parts.

    With a box M the images $x_i (1 - M) + x_u M$ and $x_u (1 - M) + x_i M$ are learnt with the labels mixed
    alike, those of the unlabelled part given by a moving average of the net. What comes from unlabelled
    images weighs `share`. In the first part of the run, labelled images are pasted into labelled ones. A
    net with two outputs learns with both, and its refined output gives the labels.

    Settings are those of its code for slices: a box of two thirds of each side, one for the batch, `share`
    ½, decay 0.99, and a quarter of all updates without unlabelled images. Its labels are cleaned by keeping
    the largest component of each class; ours only if asked to.

    Differences besides: there each image is mixed in one direction, half of the batch in either, here in
    both; the losses of the two directions are added there, averaged here; and the second part starts there
    from the best weights of the first on validation images, which also become the average.

    Args:
        net: maps images to logits, or a `CoarseRefinedNet`.
        unlabelled: False pastes labelled into labelled images all the time: the labelled-only control.
        box: side of the box, as a share of each axis, in (0, 1).
        share: weight of the unlabelled pixels.
        pretrain: share of the run without unlabelled images.
        view: what the unlabelled part is shown in; None as it is.
        decay: of the moving average.
        clean: keep the largest part of each structure in the labels of unlabelled images; see
            `largest_parts`.
        ranked: ranked losses of pixels that come from labelled images.
        loss: of both kinds of pixels.

    Raises:
        ConfigError: a number is out of range, or ranked losses do not fit the net.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        unlabelled: bool = True,
        box: float = 2 / 3,
        share: float = 0.5,
        pretrain: float = 0.25,
        view: StrongView | None = None,
        decay: float = 0.99,
        clean: bool = False,
        ranked: RankedTerms | None = None,
        loss: nn.Module | None = None,
    ) -> None:
        super().__init__(net, ramp=RampUp(share, length=0.0), loss=loss)
        if not (0 < box < 1 and 0 <= pretrain < 1):
            raise ConfigError(f"box lies in (0, 1) and pretrain in [0, 1), got {box} and {pretrain}")
        if ranked is not None:
            ranked.check(net)
        self.unlabelled, self.box, self.pretrain, self.view, self.ranked = (
            unlabelled, box, pretrain, view, ranked,
        )  # fmt: skip
        self.teacher, self.clean = EMA(net, decay), clean

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The loss terms of a batch; the labelled-only control asks for no unlabelled images."""
        if not self.unlabelled and "image" in batch:
            batch = {**batch, "unlabelled_image": batch["image"]}
        return super().step(batch, state)

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """The loss of pixels from labelled images, and that of the others."""
        image, label = halves.image, halves.label
        using = self.unlabelled and state.progress >= self.pretrain
        monitors: dict[str, Tensor] = {}
        if using:
            with torch.no_grad():
                first, said, _ = both_outputs(self.teacher.module, halves.unlabelled)
            monitors, other, their = outlook(said), halves.unlabelled, pseudo_labels(said)
            monitors |= {} if first is said else {"gap": gap(first, said)}
            their = largest_parts(their, said.shape[1]) if self.clean else their
            if len(other) != len(image):
                raise DataError(
                    f"{len(image)} labelled and {len(other)} unlabelled images cannot be pasted into each "
                    "other one by one: give both streams one batch size"
                )
            other = other if self.view is None else self.view(other, state.generator)
        else:
            other, their = image.roll(1, 0), label.roll(1, 0)
        inside = box_mask(image, self.box, state.generator)
        mixed = torch.cat([torch.where(inside, other, image), torch.where(inside, image, other)])
        known = torch.cat([label.masked_fill(inside[0, 0], IGNORE), label.masked_fill(~inside[0, 0], IGNORE)])
        guess = torch.cat([their.masked_fill(~inside[0, 0], IGNORE), their.masked_fill(inside[0, 0], IGNORE)])
        if not using:
            known, guess = torch.where(known == IGNORE, guess, known), torch.full_like(guess, IGNORE)
        out = both_outputs(self.net, mixed)
        logits = [out.coarse] if out.coarse is out.refined else [out.coarse, out.refined]
        supervised = averaged([self.supervised(each, known) for each in logits])
        named: dict[str, Tensor] = {}
        if self.ranked is not None:
            named, weighted = self.ranked(self.net, out, mixed, known, state)
            supervised = supervised + weighted
        unlabelled = averaged([self.supervised(each, guess) for each in logits])
        return {"supervised": supervised, "unlabelled": unlabelled, **named, **monitors}

    def after_update(self, state: State) -> None:
        """Move the average."""
        self.teacher.update(self.net, state.iteration)


def box_mask(image: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """True in a box at a random place, (1, 1, *S), one for the whole batch.

    Args:
        image: (B, C, *S).
        share: side of the box along each axis.
        generator: on the device of the image.
    """
    inside = torch.ones(1, 1, *(1 for _ in image.shape[2:]), dtype=torch.bool, device=image.device)
    for axis, n in enumerate(image.shape[2:], start=2):
        side = max(1, round(share * n))
        first = torch.randint(n - side + 1, (1,), generator=generator, device=image.device)
        place = torch.arange(n, device=image.device)
        along = (place >= first) & (place < first + side)
        inside = inside & along.view([n if a == axis else 1 for a in range(image.ndim)])
    return inside
