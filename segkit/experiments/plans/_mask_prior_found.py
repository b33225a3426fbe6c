"""Where the heart is, without any label: from its movement, and from a network that has learnt to see it.

The two phases of a patient differ where the heart is. A threshold on that difference gives a mask, in every
patient and without an annotation ("moving"). A network that learns these masks from the training scans finds
the place in a single image ("found"): with no label, and for a patient with one phase too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from segkit.data import Augment, Case, load
from segkit.data.slicing import slices
from segkit.data.splitting import Split, load_split
from segkit.experiments.plans import _acdc as acdc
from segkit.experiments.plans._mask_prior import Setup, join, with_stranger
from segkit.experiments.plans._mask_prior_data import HEART, small_heart, with_parent
from segkit.mask_prior import BodyCoordinatesd, ParentNetwork, fit_parent_network, with_channels, with_maps
from segkit.mask_prior.regions import largest_part

FOUND = Setup(
    dims=2,
    maps={
        "true": 1, "moving": 1, "moving coordinates": 3, "change": 1, "found": 1, "found coordinates": 3,
        "stranger": 1,
    },
    widths=HEART.widths, strides=HEART.strides, batch=HEART.batch, rotate_deg=HEART.rotate_deg,
)  # fmt: skip

SMOOTHING, LEAST = 2.5, 0.3
"""Of the moving region: standard deviation of the Gaussian in pixels, and share of the largest change. Of 36
pairs the one whose region overlapped best with the labelled hearts of the training patients."""


def hearts(name: str, *, updates: int = 400) -> list[Case]:
    """Volumes of both phases with the masks that no label has a part in."""
    return hearts_of([case.with_(meta={}) for case in load(name)], load_split(name), updates=updates)


def hearts_of(cases: Sequence[Case], split: Split, *, updates: int) -> list[Case]:
    """Volumes with their maps; "stranger" is the found region of another patient."""
    small = [with_parent(small_heart(case)) for case in cases]
    phases: dict[str, list[Case]] = {}
    for case in small:
        phases.setdefault(case.group, []).append(case)
    small = [_with_movement(case, phases[case.group]) for case in small]
    small = with_stranger(_with_found(small, split, updates), split, key="found")
    names = ("moving", "found")
    relative = [BodyCoordinatesd(name, to=f"{name} coordinates") for name in names]
    return [join(with_channels(case, relative), FOUND) for case in small]


def _with_movement(case: Case, phases: Sequence[Case]) -> Case:
    other = next((each for each in phases if each.id != case.id), case)
    change = other.image[0] - case.image[0] if other.shape == case.shape else torch.zeros(case.shape)
    return with_maps(case, moving=moving_region(change), change=change[None])


def moving_region(change: Tensor, *, smoothing: float = SMOOTHING, least: float = LEAST) -> Tensor:
    """Where a beating heart is: the largest part of the plane in which two phases differ enough.

    Args:
        change: difference of the phases, (slice, row, column).
        smoothing: standard deviation of the Gaussian in the plane, in pixels.
        least: threshold, as a share of the largest smoothed change.

    Returns:
        bool, the same region in every slice.
    """
    from scipy.ndimage import gaussian_filter

    strength = gaussian_filter(change.abs().numpy(), (0, smoothing, smoothing)).mean(0)
    return _in_every_slice(torch.from_numpy(strength), least * float(strength.max()), len(change))


def _with_found(cases: Sequence[Case], split: Split, updates: int) -> list[Case]:
    """The region that networks find which have learnt from the movement of other training patients.

    Two networks, each of one half of the training patients, label the other half; all other patients get the
    mean of both.
    """
    halves = [set(split.train[i::2]) for i in range(2)]
    networks = [
        fit_parent_network(
            [plane for case in cases if case.group in half for plane in _planes(case)],
            grid=cases[0].shape[1:],
            iterations=updates,
            batch_size=FOUND.batch,
            channels=FOUND.widths,
            seed=number,
            augment=Augment(rotate_deg=FOUND.rotate_deg, scale=FOUND.scale),
            trainer={**acdc.TRAINING, "logger": None},
        )
        for number, half in enumerate(halves)
    ]
    both = ParentNetwork([net for network in networks for net in network.members], cases[0].shape[1:])
    out = []
    for case in cases:
        network = networks[1] if case.group in halves[0] else networks[0] if case.group in halves[1] else both
        out.append(with_maps(case, found=found_region(network, case)))
    return out


def _planes(case: Case) -> list[Case]:
    moving = case.meta["moving"].long()
    return slices(case.with_(label=moving, classes=("outside", "moving"), meta={}), 0)


@torch.no_grad()
def found_region(network: ParentNetwork, case: Case) -> Tensor:
    """The largest part of the plane that is probable on average over the slices, in every slice."""
    network.eval()
    mean = network(case.image.transpose(0, 1))[:, 0].mean(0)
    return _in_every_slice(mean, min(0.5, 0.5 * float(mean.max())), case.shape[0])


def _in_every_slice(strength: Tensor, threshold: float, depth: int) -> Tensor:
    region, _ = largest_part((strength > threshold).numpy())
    return torch.from_numpy(region)[None].expand(depth, *region.shape).clone()


PREPARE = partial(hearts, updates=400)
"""As the experiments take it; its number enters their fingerprint."""
