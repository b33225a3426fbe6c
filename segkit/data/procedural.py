"""Procedural patients: images with exactly known labels, for pages without data and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import torch

from segkit.errors import ConfigError, unknown_name

from .case import Case

if TYPE_CHECKING:
    from .phantom_kinds.kind import Kind

KINDS = ("ct_pelvis", "ct_head_neck", "cardiac_short_axis", "hippocampus", "ultrasound", "mr_abdomen")


def phantom(
    kind: str,
    seed: int,
    *,
    shape: Sequence[int] | None = None,
    spacing_mm: Sequence[float] | None = None,
) -> Case:
    """Draw one procedural patient.

    The anatomy is a function of `kind` and `seed` alone, given in mm; the grid only samples it. The label of
    a voxel is the structure at its centre, exactly. Noise is drawn per voxel, from the seed.

    Args:
        kind: "ct_pelvis", "ct_head_neck" (HU), "cardiac_short_axis", "hippocampus", "mr_abdomen" (MR),
            "ultrasound" (2-D).
        seed: the patient, 0 or more.
        shape: voxels per axis; the usual grid of the kind if neither `shape` nor `spacing_mm` is given.
            With `shape` alone the grid covers the usual field of view, so that more voxels are smaller ones.
        spacing_mm: voxel size. Alone, it keeps the field of view; with `shape`, the middle of the grid.

    Returns:
        A case whose classes are those of the real data set that the kind stands in for.

    Raises:
        ConfigError: for an unknown kind, a negative seed, or a shape or spacing that is not positive or has
            the wrong number of axes.

    Example:
        >>> case = phantom("hippocampus", 3)
        >>> case.classes, tuple(case.label.shape)
        (('background', 'anterior', 'posterior'), (36, 50, 36))
    """
    from .phantom_kinds.canvas import Canvas

    scene = _kind(kind)
    if seed < 0:
        raise ConfigError(f"the seed of a phantom must be 0 or more, got {seed}: choose another seed")
    # Anatomy and noise have their own streams: the number of voxels must not change the patient.
    anatomy, noise = (
        np.random.default_rng(s) for s in np.random.SeedSequence([KINDS.index(kind), seed]).spawn(2)
    )
    field = scene.field_mm(anatomy)
    size, step = _grid(kind, scene.shape, field, shape, spacing_mm)
    flat = len(size) == 2
    canvas = Canvas(
        (*size, 1) if flat else size, (*step, 1.0) if flat else step, axes=scene.axes, field_mm=field
    )
    facts = scene.draw(canvas, anatomy, noise)
    image, label = (a[..., 0] if flat else a for a in (canvas.image, canvas.label))
    name = f"phantom-{kind}-{seed}"
    return Case(
        image=torch.from_numpy(np.ascontiguousarray(image))[None],
        label=torch.from_numpy(label.astype(np.int64)),
        spacing_mm=step,
        affine=canvas.affine,
        id=name,
        group=name,
        classes=scene.classes,
        meta={**facts, "phantom": kind, "seed": seed},
    )


def phantoms(kind: str, n: int, seed: int = 0) -> list[Case]:
    """Draw `n` procedural patients of one kind, those with the seeds `seed … seed + n - 1`.

    Raises:
        ConfigError: as in `phantom`, and for a negative `n`.

    Example:
        >>> [case.id for case in phantoms("ultrasound", 2)]
        ['phantom-ultrasound-0', 'phantom-ultrasound-1']
    """
    if n < 0:
        raise ConfigError(f"cannot draw {n} phantoms: ask for 0 or more")
    return [phantom(kind, seed + i) for i in range(n)]


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise unknown_name("kind of phantom", name, KINDS)
    kind: Kind = import_module(f".phantom_kinds.{name}", __package__).KIND
    return kind


def _grid(
    kind: str,
    usual: tuple[int, ...],
    field: tuple[float, ...],
    shape: Sequence[int] | None,
    spacing_mm: Sequence[float] | None,
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shape and spacing of the grid, from what the caller gave."""
    axes = len(usual)
    for name, given in (("shape", shape), ("spacing_mm", spacing_mm)):
        if given is not None and (len(given) != axes or min(given) <= 0):
            raise ConfigError(
                f"{name} of a {kind!r} phantom must be {axes} positive numbers, got {tuple(given)}"
            )
    if spacing_mm is None:
        size = tuple(int(n) for n in shape or usual)
        return size, tuple(f / n for f, n in zip(field, size, strict=True))
    step = tuple(float(s) for s in spacing_mm)
    if shape is None:
        return tuple(max(1, round(f / s)) for f, s in zip(field, step, strict=True)), step
    return tuple(int(n) for n in shape), step
