"""Mean teacher, plain and uncertainty-aware."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from segkit.coarse_refined.monitors import outlook
from segkit.coarse_refined.ramps import RampUp, ramp_up
from segkit.coarse_refined.semi_supervised import Halves, SemiSupervised
from segkit.coarse_refined.views import StrongView, noisy
from segkit.errors import ConfigError
from segkit.losses.reduction import reduce
from segkit.train import EMA, State, full_precision

PUBLISHED = RampUp(0.1, length=1.0, start=1 / 30)
"""λ of the public code: 0.1, a ramp over the whole run, and nothing in the first 1000 of 30,000 updates."""


class MeanTeacher(SemiSupervised):
    r"""$\mathcal L_{unl} = \frac{1}{K} \lVert p_s(x) - p_t(x + \eta) \rVert_2^2$, averaged over pixels
    [tarvainen2017meanteacher].

    The teacher is a moving average of the student and gets no gradient. Settings are those of the public
    segmentation benchmark [luo2020ssl4mis]: decay $\min(1 - 1/(t+1), 0.99)$, noise of sd 0.1 cut at ±0.2, λ
    as in `PUBLISHED`. The student predicts.

    Args:
        net: maps images to logits.
        decay: of the teacher.
        ramp: λ(t).
        view: what the student sees of unlabelled images: itself (published), or a strong view.
        loss: of labelled images.

    Example:
        >>> method = MeanTeacher(nn.Conv2d(1, 2, 1))
        >>> x, y = torch.randn(1, 1, 4, 4), torch.ones(1, 4, 4, dtype=torch.int64)
        >>> state = State(50, 100, torch.Generator().manual_seed(0))
        >>> sorted(method.step({"image": x, "label": y, "unlabelled_image": x}, state))
        ['entropy', 'foreground', 'supervised', 'total', 'unlabelled']
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        decay: float = 0.99,
        ramp: RampUp = PUBLISHED,
        view: StrongView | None = None,
        loss: nn.Module | None = None,
    ) -> None:
        super().__init__(net, ramp=ramp, loss=loss)
        self.teacher, self.view = EMA(net, decay), view

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """Supervised loss of the student, and its distance from the teacher."""
        weak = halves.unlabelled
        seen = weak if self.view is None else self.view(weak, state.generator)
        own, student = halves.split(self.net(torch.cat([halves.image, seen])))
        teacher = self.teacher(noisy(weak, state.generator))
        with full_precision(student):
            unlabelled, more = self.distance(student.float(), teacher.float(), weak, state)
        return {
            "supervised": self.supervised(own, halves.label),
            "unlabelled": unlabelled,
            **more,
            **outlook(teacher),
        }

    def distance(
        self, student: Tensor, teacher: Tensor, image: Tensor, state: State
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The consistency term of logits (U, K, *S), and monitors."""
        return _squared(student, teacher).mean(), {}

    def after_update(self, state: State) -> None:
        """Move the teacher."""
        self.teacher.update(self.net, state.iteration)


class UncertaintyAwareMeanTeacher(MeanTeacher):
    r"""Mean teacher over the pixels that the teacher is certain of [yu2019uamt].

    $$\mathcal L_{unl} = \frac{\sum_i \mathbb 1[u_i < H]\,\lVert p_s - p_t \rVert_2^2}{K \sum_i \mathbb
    1[u_i < H]}, \qquad u = -\sum_k \bar p^k \log \bar p^k$$

    with $\bar p$ the mean of T = 8 teacher passes on noisy images and $H = (0.75 + 0.25\, e^{-5 (1 -
    t/t_{max})^2}) \log K$. Of two classes that is the published term. For more, the public code keeps log 2
    and a factor of 2, with which four classes are never certain enough; here both follow K. Our nets have no
    dropout, so that noise alone makes the passes differ. λ is 0.1 with a ramp over the whole run, from the
    first update on.

    Args:
        passes: T.
        ramp: λ(t).
        options: of `MeanTeacher`.

    Raises:
        ConfigError: fewer than one pass.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        passes: int = 8,
        ramp: RampUp = RampUp(0.1, length=1.0),  # noqa: B008  (frozen)
        **options: object,
    ) -> None:
        super().__init__(net, ramp=ramp, **options)  # type: ignore[arg-type]
        if passes < 1:
            raise ConfigError(f"uncertainty needs one teacher pass or more, got {passes}")
        self.passes = passes

    def distance(
        self, student: Tensor, teacher: Tensor, image: Tensor, state: State
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The consistency of certain pixels, and their share."""
        mean = torch.zeros_like(student)
        for _ in range(self.passes):
            mean += torch.softmax(self.teacher(noisy(image, state.generator)).float(), 1) / self.passes
        uncertainty = -torch.xlogy(mean, mean).sum(1)
        limit = (0.75 + 0.25 * ramp_up(state.progress)) * math.log(student.shape[1])
        certain = uncertainty < limit
        values = _squared(student, teacher).mean(1)
        return reduce(values, certain), {"certain": certain.float().mean()}


def _squared(student: Tensor, teacher: Tensor) -> Tensor:
    return (torch.softmax(student, 1) - torch.softmax(teacher.detach(), 1)).square()
