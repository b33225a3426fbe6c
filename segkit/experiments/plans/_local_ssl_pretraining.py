"""Pre-training of chapter 7: recipes, and checkpoints that are made once and used by all draws.

A checkpoint belongs to a recipe, a seed and the images that it saw; its name is a hash of these. Whoever
needs it first makes it, alone; the others wait and read. Images of the training part are seen, and no label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from time import process_time
from typing import Any

import torch

from segkit.data import Case
from segkit.data.files import alone
from segkit.data.locations import cache_folder
from segkit.data.splitting import load_split
from segkit.errors import unknown_name
from segkit.experiments.draw import Draw
from segkit.experiments.plans._local_ssl_data import PREPARE, Setup
from segkit.experiments.records import canonical
from segkit.local_ssl import (
    DenseContrast,
    Distorted,
    GlobalConsistency,
    GlobalContrast,
    Intensity,
    LocalConsistency,
    LocalInfoNCE,
    LocalPretraining,
    LocalVICReg,
    Masked,
    PixelPropagation,
    Restoration,
    Term,
    TwoBoxes,
    ViewBatches,
    adamw,
)
from segkit.nets import UNet
from segkit.train import Method, Trainer, latest_checkpoint, load_checkpoint, one_cycle, save_checkpoint

VERSION = 1
"""Raise it when code changes what a pre-training does: then no older checkpoint is used."""

HEADS: dict[str, Any] = {"hidden": 128, "out": 64}

LOCAL: dict[str, Callable[..., Term]] = {
    "local": LocalConsistency,
    "unaligned": partial(LocalConsistency, aligned=False),
    "infonce": LocalInfoNCE,
    "vicreg": LocalVICReg,
    "densecl": DenseContrast,
    "pixpro": PixelPropagation,
}
POOLED: dict[str, Callable[..., Term]] = {"global": GlobalConsistency, "simclr": GlobalContrast}
SPOILT = ("restoration", "masked")
FLIPS = ("none", "single", "together")


@dataclass(frozen=True)
class Recipe:
    """A way to pre-train.

    Attributes:
        kinds: terms, joined by "+": of `LOCAL`, `POOLED`, or one of `SPOILT`.
        taps: where terms of points look.
        pooled: where pooled terms look; at the bottom, as their authors do.
        updates: of the pre-training.
        lr: highest rate, one cycle of AdamW.
        flips: "none", "single" mirrors each view on its own, "together" both views of a pair alike.
        decay: of the target network, in the first update.
        overlap: share of the smaller box that both views have.
        zoom: range of the boxes' sides, in voxels per voxel of a view.
        weights: of terms by kind.
        options: of terms by kind.
    """

    kinds: str
    taps: tuple[str, ...] = ("decoder0",)
    pooled: tuple[str, ...] = ("bottom",)
    updates: int = 600
    lr: float = 2e-3
    flips: str = "none"
    decay: float = 0.98
    overlap: float = 0.5
    zoom: tuple[float, float] = (0.8, 1.25)
    weights: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Every number: part of the fingerprint of a plan and of the name of a checkpoint."""
        return canonical({name: _plain(value) for name, value in vars(self).items()})

    def but(self, **changes: Any) -> Recipe:
        """The recipe with some changes."""
        return replace(self, **changes)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, eq=False)
class Pretrained:
    """What a pre-training left.

    Attributes:
        folder: of its checkpoint.
        facts: seconds of processor and clock, last loss, spread of the targets; numbers alone.
    """

    folder: Path
    facts: Mapping[str, float]


def network(setup: Setup, n_classes: int) -> UNet:
    """The U-Net of a setup."""
    return UNet(setup.dims, 1, n_classes, setup.widths, strides=setup.strides, convs=1)


def pretraining_method(recipe: Recipe, setup: Setup, net: UNet) -> Method:
    """The method of a recipe for a network."""
    kinds = recipe.kinds.split("+")
    for kind in kinds:
        if kind not in (known := (*LOCAL, *POOLED, *SPOILT)):
            raise unknown_name("kind of pre-training", kind, known)
    if kinds[0] in SPOILT:
        block = tuple(max(2, n // 6) for n in setup.view)
        options = dict(recipe.options.get(kinds[0], {}))
        spoil = (
            Masked(block, **options)
            if kinds[0] == "masked"
            else Distorted(block, **{"small": tuple(max(2, n // 2) for n in block), **options})
        )
        return Restoration(net, spoil, tap=recipe.taps[0])
    terms: dict[str, Term] = {}
    weights: dict[str, float] = {}
    for kind in kinds:
        options = {**HEADS, **recipe.options.get(kind, {})}
        for tap in recipe.pooled if kind in POOLED else recipe.taps:
            name = f"{kind}_{tap}"
            weights[name] = recipe.weights.get(kind, 1.0)
            if kind in POOLED:
                terms[name] = POOLED[kind](net, tap, **options)
            else:
                terms[name] = LOCAL[kind](net, tap, points=setup.points[tap], **options)
    return LocalPretraining(net, terms, weights=weights, decay=recipe.decay)


def view_batches(recipe: Recipe, setup: Setup, cases: Sequence[Case], seed: int) -> ViewBatches:
    """Pairs of views of the cases, with other intensities unless they are to be restored."""
    if recipe.flips not in FLIPS:
        raise unknown_name("way to mirror views", recipe.flips, FLIPS)
    boxes = TwoBoxes(
        setup.view,
        scale=recipe.zoom,
        overlap=recipe.overlap,
        flip_axes=() if recipe.flips == "none" else tuple(range(setup.dims)),
        together=recipe.flips == "together",
    )
    spoilt = recipe.kinds in SPOILT
    return ViewBatches(
        setup.planes(cases),
        boxes,
        batch_size=setup.pairs,
        seed=seed,
        intensity=None if spoilt else Intensity(),
        air_below=None if spoilt else setup.air,
    )


def unlabelled_pool(draw: Draw) -> list[Case]:
    """All images of the training part, without labels, in an order that no draw changes."""
    cases = [case.with_(label=None) for case in (*draw.train, *draw.unlabelled)]
    return sorted(cases, key=lambda case: case.id)


@lru_cache(maxsize=1)
def pool_of(name: str) -> tuple[Case, ...]:
    """The same of another data set, read once by a process."""
    train = set(load_split(name).train)
    cases = [case.with_(label=None) for case in PREPARE[name](name) if case.group in train]
    return tuple(sorted(cases, key=lambda case: case.id))


def fingerprint(recipe: Recipe, setup: Setup, cases: Sequence[Case], seed: int) -> str:
    """16 hexadecimal digits of everything that a pre-training depends on."""
    total = hashlib.sha256(f"{VERSION}/{torch.__version__}/{recipe!r}/{setup!r}/{seed}".encode())
    for case in cases:
        total.update(f"{case.id}/{tuple(case.image.shape)}".encode())
        total.update(case.image.contiguous().numpy().tobytes())
    return total.hexdigest()[:16]


def pretrained(recipe: Recipe, setup: Setup, cases: Sequence[Case], seed: int) -> Pretrained:
    """The checkpoint of a recipe: read if it exists, made if not.

    Args:
        recipe: how.
        setup: the data set's network, views and points.
        cases: the images, in an order of their own; labels are not looked at.
        seed: of weights, views and steps.
    """
    folder = cache_folder() / "pretrained" / fingerprint(recipe, setup, cases, seed)
    with alone(folder):
        if latest_checkpoint(folder) is None:
            _make(recipe, setup, cases, seed, folder)
    config = load_checkpoint(folder).config
    return Pretrained(folder, config["facts"])


def _make(recipe: Recipe, setup: Setup, cases: Sequence[Case], seed: int, folder: Path) -> None:
    chance = Draw(index=seed, setting={}, train=(), unlabelled=(), n_classes=2)
    net = chance.module(partial(network, setup, 2), "pretraining")
    method = chance.module(partial(pretraining_method, recipe, setup, net), "heads")
    trainer = Trainer(
        method, iterations=recipe.updates, lr=recipe.lr, optimizer=adamw(), schedule=one_cycle, clip=12.0,
        seed=chance.seed("pretraining steps"), accelerator="cpu", logger=None, progress=False,
    )  # fmt: skip
    start = process_time()
    history = trainer.fit(view_batches(recipe, setup, cases, chance.seed("views")))
    facts = {"cpu_s": process_time() - start, "wall_s": history.seconds, "updates": recipe.updates}
    facts |= last_values(history.names, history.column)
    config = {"pretrained": method.trained, "recipe": repr(recipe), "seed": seed, "facts": facts}
    tensors = {"weights": {name: value.cpu().contiguous() for name, value in net.state_dict().items()}}
    save_checkpoint(folder, recipe.updates, tensors, {"config": config, "network": ""})


def last_values(names: Sequence[str], column: Callable[[str], Sequence[float]]) -> dict[str, float]:
    """Means over the last tenth: the loss, and of all terms together the spread of their targets."""
    found = {}
    for key, wanted in (("loss", ["total"]), ("spread", [n for n in names if n.endswith("_spread")])):
        values = [column(name) for name in wanted]
        tails = [sum(v[-max(1, len(v) // 10) :]) / max(1, len(v) // 10) for v in values]
        if tails:
            found[key] = sum(tails) / len(tails)
    return found
