"""Chapter 8 at full size: a first network outlines the structures, a second one tells them apart.

    segkit train mask_prior --data hippocampus --scale full --out runs/prior

The first network sees whole images on a coarse grid. In training the second one sees the true outline,
shifted, grown or lost as by a network that errs; in prediction that which the first one finds: no oracle.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from segkit.data import BatchAugment, Case, WholeBatches, resize
from segkit.evaluate.inference import Predictor
from segkit.losses import DiceCELoss
from segkit.mask_prior import Jitter, MaskPrior, ParentNetwork, parent_mask, widen_input
from segkit.recipes.launching import main
from segkit.recipes.measuring import Segmenter, windowed
from segkit.recipes.run import Run
from segkit.recipes.segmenters import load_softmax
from segkit.recipes.settings import Section
from segkit.train import Batch, State, Supervised, load_network


def train(run: Run) -> None:
    """Train both networks, measure them together on the test part."""
    parent = train_parent(run)
    asked = run.settings.prior
    # Both see the same image through the same weights; those of the mask start at zero.
    net = widen_input(run.network(), run.network(in_channels=len(run.data.channels) + 1))
    method = MaskPrior(
        net,
        DiceCELoss(**run.settings.loss),
        channels={"mask": 1},
        image_channels=len(run.data.channels),
        perturb=Jitter(shift=asked.shift, grow=asked.grow, lose=asked.lose),
        p_drop_prior=asked.drop_mask,
        p_drop_image=asked.drop_image,
    )
    run.fit(
        method, run.patches(run.data.cases("train")), phase="second",
        transform=partial(with_outline, augment=run.augment),
        see=lambda method: both(run.settings, parent, method.predict, run.geometry.patch),
    )  # fmt: skip
    run.evaluate()


def train_parent(run: Run) -> ParentNetwork:
    """The outline of all structures together, in whole images on a coarse grid."""
    asked = run.settings.parent
    grid = [min(asked.grid, n) for n in run.data.statistics["shape"]]
    coarse = [outline(resize(case.load(), grid)) for case in run.whole("train")]
    net = run.network(
        n_classes=2, channels=list(asked.channels), strides=[1] + [2] * (len(asked.channels) - 1)
    )
    training = run.settings.training.merged({"iterations": asked.iterations, "batch_size": asked.batch_size})
    batches = WholeBatches(coarse, batch_size=asked.batch_size, seed=run.settings.seed)
    augment = BatchAugment(grid, **{**run.settings.augmentation, "flip_axes": run.flip_axes})
    method = run.fit(
        Supervised(net, DiceCELoss()), batches, transform=augment, training=training, phase="parent",
        watch=False, config={"grid": grid, "patch": grid, "classes": ["outside", "parent"]},
    )  # fmt: skip
    return ParentNetwork([getattr(method, method.network)], grid)


def outline(case: Case) -> Case:
    """A case of two classes: outside and inside any structure."""
    return case.with_(label=parent_mask(case).voxels.long(), classes=("outside", "parent"))


def with_outline(batch: Batch, state: State, *, augment: BatchAugment) -> Batch:
    """A batch with the true outline of its structures beside the image, both augmented alike."""
    made = augment(batch, state)
    return {**made, "mask": (made["label"] > 0)[:, None].float()}


def both(settings: Section, parent: ParentNetwork, predict: Predictor, patch: Sequence[int]) -> Segmenter:
    """The first network's outline of a whole case goes into every window of the second."""
    second = windowed(predict, patch=patch, inference=settings.inference)

    def segment(case: Case) -> Tensor:
        mask = parent.eval().mask(case, threshold=settings.prior.threshold).voxels
        return second(case.with_(image=torch.cat([case.image, mask[None].float()])))

    return segment


def segmenter(folder: Path, settings: Section, device: torch.device) -> Segmenter:
    """Both networks of a run."""
    first, checkpoint = load_network(folder / "parent")
    parent = ParentNetwork([first], checkpoint.config["grid"]).to(device)
    second, config = load_softmax(folder / "second", device)
    return both(settings, parent, second, config["patch"])


if __name__ == "__main__":
    raise SystemExit(main("mask_prior"))
