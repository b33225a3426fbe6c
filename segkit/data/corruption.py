"""Faults that annotators make, put in on purpose: shaky or shifted borders, parts missed or made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.data.case import IGNORE
from segkit.errors import ConfigError, unknown_name

Labels = NDArray[np.int64]
Box = tuple[slice, ...]


def corrupt_labels(
    label: Tensor,
    kind: str,
    rate: float,
    generator: torch.Generator,
    *,
    spacing_mm: Sequence[float] | None = None,
    width_mm: float = 3.0,
    share: tuple[float, float] = (0.1, 0.8),
) -> Tensor:
    """A copy of a label map with faults of one kind.

    Each structure (all voxels of one class but the background) is corrupted with probability `rate`,
    independently of the others; 0 changes nothing, 1 corrupts every structure. The kinds:

    - "jitter": the surface moves in and out by a smooth random displacement of standard deviation `width_mm`
      that changes over about three times that length; the structure keeps its volume.
    - "dilate", "erode": the surface moves out, or in, by one distance drawn between 0 and `width_mm`. The
      core of a structure is never eroded away.
    - "drop": a plane of random direction cuts off a part, drawn within `share`, of the voxels.
    - "add": a ball of the same class, its volume a part within `share` of the structure's, appears in the
      background, clear of every structure if there is room.

    A voxel that leaves a structure goes to the nearest other one or to the background ("drop": always to the
    background). A border between two corrupted neighbours moves by the difference of their displacements.
    Ignored voxels stay as they are.

    Args:
        label: integers, shape `(*S)`, background 0; 2-D or 3-D.
        kind: "jitter", "dilate", "erode", "drop" or "add".
        rate: probability per structure, in [0, 1].
        generator: source of all randomness; the same state gives the same faults.
        spacing_mm: voxel size; None takes `width_mm` in voxels.
        width_mm: how far the surface moves, > 0.
        share: smallest and largest part of a structure that is dropped or added, within (0, 1].

    Returns:
        A new tensor of the same shape and type.

    Raises:
        ConfigError: an unknown kind, or a number outside its range.

    Example:
        >>> label = torch.zeros(20, 20, dtype=torch.int64)
        >>> label[5:15, 5:15] = 1
        >>> worse = corrupt_labels(label, "drop", 1.0, torch.Generator().manual_seed(0), share=(0.5, 0.5))
        >>> int(label.sum()), int(worse.sum())
        (100, 50)
    """
    if kind not in _KINDS:
        raise unknown_name("kind of corruption", kind, _KINDS)
    step = (1.0,) * label.ndim if spacing_mm is None else tuple(float(s) for s in spacing_mm)
    if not 0 <= rate <= 1:
        raise ConfigError(f"rate is the probability that a structure is corrupted, in [0, 1], got {rate}")
    if not width_mm > 0:
        raise ConfigError(f"width_mm must be positive, got {width_mm}")
    if not 0 < share[0] <= share[1] <= 1:
        raise ConfigError(f"share must satisfy 0 < smallest ≤ largest ≤ 1, got {share}")
    if len(step) != label.ndim or not min(step) > 0:
        raise ConfigError(f"spacing_mm must be {label.ndim} positive numbers, got {step}")

    truth = label.cpu().numpy().astype(np.int64)
    job = _Job(truth, np.asarray(step), generator)
    low, high = share if kind in ("drop", "add") else (0.0, width_mm)
    out = _KINDS[kind](job, rate, low, high)
    return torch.from_numpy(out).to(label.dtype)


class _Job(NamedTuple):
    """What every kind of fault needs: the true map, the spacing, the dice."""

    truth: Labels
    step: NDArray[np.float64]
    generator: torch.Generator

    def draw(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator, dtype=torch.float64))

    def structures(self) -> list[int]:
        return [int(k) for k in np.unique(self.truth[self.truth > 0])]


def _drop(job: _Job, rate: float, low: float, high: float) -> Labels:
    out = job.truth.copy()
    for k in job.structures():
        if job.draw(0, 1) < rate:
            where = np.argwhere(job.truth == k)
            direction = torch.randn(out.ndim, generator=job.generator, dtype=torch.float64).numpy()
            lost = max(1, round(job.draw(low, high) * len(where)))
            gone = where[np.argsort((where * job.step) @ direction, kind="stable")[:lost]]
            out[tuple(gone.T)] = 0
    return out


def _add(job: _Job, rate: float, low: float, high: float) -> Labels:
    from scipy.ndimage import distance_transform_edt

    out, step = job.truth.copy(), job.step
    axes = np.ogrid[tuple(slice(n) for n in out.shape)]
    for k in job.structures():
        if not (out == 0).any() or job.draw(0, 1) >= rate:
            continue
        volume = job.draw(low, high) * float((job.truth == k).sum() * step.prod())
        radius = np.sqrt(volume / np.pi) if out.ndim == 2 else np.cbrt(0.75 * volume / np.pi)
        room = distance_transform_edt(out == 0, step)
        places = np.argwhere(room >= min(radius + step.max(), room.max()))
        centre = places[int(torch.randint(len(places), (), generator=job.generator))]
        square = sum(((axis - c) * s) ** 2 for axis, c, s in zip(axes, centre, step, strict=True))
        out[(square <= max(radius, step.min() / 2) ** 2) & (out == 0)] = k
    return out


Shift = Callable[[_Job, NDArray[np.float64], float], NDArray[np.float64] | float]


def _jitter(job: _Job, depth: NDArray[np.float64], width: float) -> NDArray[np.float64] | float:
    from scipy.ndimage import gaussian_filter

    noise = torch.randn(depth.shape, generator=job.generator).numpy()
    smooth = gaussian_filter(noise, 1.5 * width / job.step, mode="reflect")
    surface = smooth[np.abs(depth) < job.step.max()]
    shift = np.clip((smooth - surface.mean()) / max(float(surface.std()), 1e-12), -2.5, 2.5) * width
    # A shaky hand, not a generous one. Mean 0 along the surface would not do: what is added outside a curved
    # surface is more than what is taken away inside.
    volume = int((depth < 0).sum())
    return shift + np.partition((depth - shift).ravel(), volume)[volume]


def _dilate(job: _Job, depth: NDArray[np.float64], width: float) -> float:
    return job.draw(0, width)


def _erode(job: _Job, depth: NDArray[np.float64], width: float) -> float:
    return -job.draw(0, width)


def _moved(shift: Shift) -> Callable[[_Job, float, float, float], Labels]:
    """The kind of fault that moves the border of each structure outwards by `shift` mm."""

    def corrupt(job: _Job, rate: float, low: float, high: float) -> Labels:
        truth, structures = job.truth, job.structures()
        out = truth.copy()
        if not structures:
            return out
        nearest = np.full(truth.shape, np.inf)
        cores = []
        for k in [0, *structures] if (truth == 0).any() else structures:
            box = _box(truth == k if k else truth > 0, 2.5 * high, job.step)
            depth = _depth(truth[box], k, job.step)
            by: NDArray[np.float64] | float = 0.0
            if k and np.isfinite(depth).all() and job.draw(0, 1) < rate:
                by = shift(job, depth, high)
            # Every voxel goes to the class that claims it most. Twice, because a border lies where the claims
            # of two neighbours are equal: it moves by half of what one of them gains.
            claim = depth - 2 * by
            won = claim < nearest[box]
            nearest[box][won] = claim[won]
            out[box][won] = k
            if k:
                cores.append((box, depth <= 0.9 * depth.min(), k))
        # The core stays: such a fault moves a border, it does not delete a structure.
        for box, core, k in cores:
            out[box][core] = k
        out[truth == IGNORE] = IGNORE
        return out

    return corrupt


def _box(mask: NDArray[np.bool_], reach_mm: float, step: NDArray[np.float64]) -> Box:
    """The surroundings of a structure that its border can reach, inside the image."""
    sides = []
    for axis, s in enumerate(step):
        where = np.flatnonzero(mask.any(axis=tuple(i for i in range(mask.ndim) if i != axis)))
        margin = int(np.ceil(reach_mm / s)) + 2
        sides.append(slice(max(0, int(where[0]) - margin), int(where[-1]) + margin + 1))
    return tuple(sides)


def _depth(truth: Labels, k: int, step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed distance from class k in mm, zero half a voxel beyond its outermost centres.

    Where nothing is annotated no border is known: with ignored voxels alone around it, a structure is
    infinitely deep.
    """
    from scipy.ndimage import distance_transform_edt

    own, other = truth == k, (truth != k) & (truth != IGNORE)
    half = step.min() / 2
    inside = half - distance_transform_edt(~other, step) if other.any() else np.full(own.shape, -np.inf)
    outside = distance_transform_edt(~own, step) - half if own.any() else np.full(own.shape, np.inf)
    return np.where(own, inside, outside)


_KINDS: dict[str, Callable[[_Job, float, float, float], Labels]] = {
    "jitter": _moved(_jitter),
    "dilate": _moved(_dilate),
    "erode": _moved(_erode),
    "drop": _drop,
    "add": _add,
}
