"""A small first network that predicts the parent structure, so that no label is needed at test time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segkit.data import Case, WholeBatches, resize
from segkit.errors import ConfigError, DataError
from segkit.evaluate.inference import predict_probs
from segkit.evaluate.native import to_grid
from segkit.losses import DiceCELoss
from segkit.mask_prior.parents import parent_mask
from segkit.mask_prior.regions import largest_part
from segkit.mask_prior.reports import Mask, as_mask
from segkit.nets import UNet
from segkit.train import Supervised, Trainer, one_cycle


class ParentNetwork(nn.Module):
    """Networks on a coarse grid whose mean prediction is the probability of the parent structure.

    Args:
        members: networks with two classes, background and parent.
        grid: the grid to which a whole image is resized; position is seen as long as all of it is.
    """

    def __init__(self, members: Sequence[nn.Module], grid: Sequence[int]) -> None:
        super().__init__()
        self.members, self.grid = nn.ModuleList(members), tuple(int(n) for n in grid)

    def forward(self, image: Tensor) -> Tensor:
        """Probability `(B, 1, *S)` of the parent for images `(B, C, *S)` on the coarse grid."""
        each = [torch.softmax(member(image).float(), 1)[:, 1:] for member in self.members]
        return torch.stack(each).mean(0)

    def probability(self, case: Case) -> Tensor:
        """Probability of the parent on the grid of the case, float32 `(*S)`.

        Args:
            case: prepared as the training cases were (normalised alike); a label is not looked at.
        """
        coarse = resize(case.with_(label=None), self.grid)
        device = next(self.parameters()).device
        return to_grid(predict_probs(self, coarse.image, device=device), coarse, case)[0]

    def mask(self, case: Case, *, threshold: float = 0.5) -> Mask:
        """The predicted parent mask: the largest connected part above a probability.

        Args:
            case: as in `probability`.
            threshold: least probability.

        Returns:
            The mask and its report. Where nothing is found the mask is empty and the report says so.
        """
        found = (self.probability(case) > threshold).numpy()
        kept, removed = largest_part(found)
        return as_mask(kept, case, "parent", "network", found=found, removed=removed)


def fit_parent_network(
    cases: Sequence[Case],
    *,
    grid: Sequence[int],
    classes: Sequence[str] | None = None,
    members: int = 1,
    iterations: int = 300,
    batch_size: int = 4,
    channels: Sequence[int] = (16, 32, 64),
    seed: int = 0,
    augment: Any = None,
    trainer: dict[str, Any] | None = None,
) -> ParentNetwork:
    """Train a first network to find the parent structure in whole images on a coarse grid.

    Its errors are those of the second stage's input: judge it on cases that it has not seen
    (`cross_fitted_masks`), and train the second stage on such masks or on jittered ones.

    Args:
        cases: labelled and normalised, 2-D or 3-D. More cases than the second stage has may be labelled with
            the parent alone.
        grid: voxels along each axis of the coarse grid.
        classes: classes that make up the parent; None takes all but the background.
        members: networks whose predictions are averaged; each has weights and batches of its own.
        iterations: updates of each.
        batch_size: images per update.
        channels: levels of the U-Net.
        seed: 0 or more.
        augment: a `segkit.data.Augment`.
        trainer: further options of `Trainer`, such as the learning rate.

    Raises:
        DataError: no cases, or one without a label.
        ConfigError: a number out of range.

    Example:
        >>> from segkit.data import phantoms, slices, z_score
        >>> planes = slices(z_score(phantoms("cardiac_short_axis", 1)[0]), axis=0)
        >>> network = fit_parent_network(planes, grid=(16, 16), iterations=2, channels=(4, 8))
        >>> network.mask(planes[0]).report.origin
        'network'
    """
    if members < 1:
        raise ConfigError(f"a parent network needs one member or more, got {members}")
    coarse = [
        resize(
            case.with_(label=parent_mask(case, classes).voxels.long(), classes=("outside", "parent")), grid
        )
        for case in cases
    ]
    if not coarse:
        raise DataError("there are no cases to train a parent network on: look at the split")
    nets = []
    options = {"lr": 5e-3, "schedule": one_cycle, "clip": 12.0, "progress": False, **(trainer or {})}
    for member in range(members):
        own = int(np.random.SeedSequence((seed, member)).generate_state(1)[0]) >> 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(own)
            net = UNet(len(grid), coarse[0].image.shape[0], 2, channels, convs=1, norm="instance")
        method = Supervised(net, DiceCELoss())
        batches = WholeBatches(coarse, batch_size=batch_size, seed=own, augment=augment)
        Trainer(method, iterations=iterations, seed=own, **options).fit(batches)
        nets.append(net)
    return ParentNetwork(nets, grid)


def cross_fitted_masks(
    cases: Sequence[Case],
    *,
    folds: int,
    fit: Callable[[Sequence[Case]], ParentNetwork],
    threshold: float = 0.5,
) -> list[Mask]:
    """Predicted parent masks of training cases, each by a network that has not seen its patient.

    The masks of a network on its own training cases are better than any that it will give later. A second
    stage that is trained on cross-fitted masks meets at test time what it was trained on.

    Args:
        cases: labelled training cases.
        folds: 2 or more; patients are dealt out in their order.
        fit: trains a network on some of the cases, such as `functools.partial(fit_parent_network, grid=…)`.
        threshold: as in `ParentNetwork.mask`.

    Returns:
        One mask per case, in order.

    Raises:
        ConfigError: fewer patients than folds, or fewer than 2 folds. With one patient train on jittered
            masks instead.
    """
    groups = list(dict.fromkeys(case.group for case in cases))
    if folds < 2 or len(groups) < folds:
        raise ConfigError(
            f"{folds} folds of {len(groups)} patients: cross-fitting needs at least 2 folds and a patient "
            "for each; with fewer, train the second stage on jittered masks (Jitter)"
        )
    fold_of = {group: i % folds for i, group in enumerate(groups)}
    found: dict[int, Mask] = {}
    for fold in range(folds):
        network = fit([case for case in cases if fold_of[case.group] != fold])
        for number, case in enumerate(cases):
            if fold_of[case.group] == fold:
                found[number] = network.mask(case, threshold=threshold)
    return [found[number] for number in range(len(cases))]
