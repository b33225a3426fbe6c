"""What is written down of a semi-supervised run besides metrics: targets, terms, how hard a case is."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segkit.coarse_refined import TargetWatch
from segkit.coarse_refined.ranked_terms import both_outputs
from segkit.data import Case
from segkit.data.slicing import in_slices
from segkit.errors import DataError
from segkit.experiments.draw import Draw
from segkit.experiments.measuring import Extra
from segkit.experiments.plans._coarse_refined_data import watched_images
from segkit.train import Batch, Method, State

LOOKS = 20
"""How often in a run the targets of unlabelled images are looked at."""

RING = 6
"""Width in pixels of the ring that a structure's contrast is measured against."""

LOGGED = (
    "gap",
    "sure",
    "certain",
    "intra_positives",
    "intra_negatives",
    "inter_positives",
    "inter_negatives",
)
"""Terms of a step that are written down, averaged over the last tenth of the run."""


class Watched(Method):
    """A method for slices that predicts volumes too, and keeps what was seen while it learnt.

    Args:
        inner: the method.
        draw: whose unlabelled images are looked at.
    """

    def __init__(self, inner: Method, draw: Draw) -> None:
        super().__init__()
        self.inner = inner
        self.watch = TargetWatch(torch.stack(watched_images(draw)))
        self.looks: list[dict[str, float]] = []
        self.logged: dict[str, list[Tensor]] = defaultdict(list)

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The step of the method."""
        terms = self.inner.step(batch, state)
        if state.progress >= 0.9:
            for name in LOGGED:
                if name in terms:
                    self.logged[name].append(terms[name].detach())
        return terms

    def after_update(self, state: State) -> None:
        """What the method does then, and perhaps a look at its targets."""
        self.inner.after_update(state)
        if (state.iteration + 1) % max(1, state.iterations // LOOKS) == 0:
            self.inner.eval()
            self.looks.append(self.watch(Target(self.inner)))
            self.inner.train()

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, *S) of images (B, C, H, W) or volumes (B, C, D, H, W)."""
        return self.inner.predict(image) if image.ndim == 4 else in_slices(self.inner.predict, image)

    def monitors(self) -> dict[str, float]:
        """Flips between looks (mean of the second half of the run), the last look, and the last terms."""
        later = [look["flips"] for look in self.looks[len(self.looks) // 2 :]]
        last = self.looks[-1] if self.looks else {}
        found = {f"target_{name}": value for name, value in last.items() if name != "flips"}
        found["target_flips"] = float(np.mean(later)) if later else float("nan")
        found |= {name: float(torch.stack(values).mean()) for name, values in self.logged.items()}
        return found


class Target(Method):
    """A method that predicts what another takes for the truth of unlabelled images: its teacher's word."""

    def __init__(self, inner: Method) -> None:
        super().__init__()
        self.inner = inner
        self.net = getattr(inner, "net", None)

    @torch.no_grad()
    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, *S)."""
        teacher: nn.Module | None = getattr(self.inner, "teacher", None)
        if teacher is None:
            return self.inner.predict(image)
        module: Any = teacher.module
        return torch.softmax(both_outputs(module, image).refined.float(), 1)


def monitors_and_contrast(draw: Draw, method: Method) -> Extra:
    """What was seen of the run, the same number for every case; and of each case its contrast and volume."""
    found = method.monitors() if isinstance(method, Watched) else {}
    return partial(measure_case, monitors=found)


def measure_case(case: Case, prediction: Tensor, *, monitors: dict[str, float]) -> dict[str, list[float]]:
    """Contrast and volume of each structure, and the monitors of the run for each."""
    structures = case.n_classes - 1
    return {
        "contrast": [contrast(case, k) for k in range(1, case.n_classes)],
        "volume": [float((case.label == k).sum()) for k in range(1, case.n_classes)],
        **{name: [value] * structures for name, value in monitors.items()},
    }


def contrast(case: Case, structure: int) -> float:
    """|mean inside − mean of a ring around it in the plane| over the sum of both standard deviations."""
    from scipy.ndimage import maximum_filter

    if case.label is None:
        raise DataError(f"case {case.id} has no label to measure its contrast by")
    inside = (case.label == structure).numpy()
    size = [1] * (inside.ndim - 2) + [2 * RING + 1] * 2
    ring = maximum_filter(inside, size=size) & ~inside
    image = case.image[0].numpy()
    if not inside.any() or not ring.any():
        return float("nan")
    own, around = image[inside], image[ring]
    return float(abs(own.mean() - around.mean()) / (own.std() + around.std() + 1e-6))
