"""What every recipe works with: settings, prepared data, a network for them, a Trainer, the test part."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segkit.data import BatchAugment, Batches, PreparedBatches, PreparedCase, PreparedSet, SeededBatches
from segkit.errors import ConfigError
from segkit.recipes.fitting import Machine, fit
from segkit.recipes.geometry import Geometry, fit_geometry, likely_spacing
from segkit.recipes.material import find_prepared
from segkit.recipes.measuring import Segmenter
from segkit.recipes.ranks import say
from segkit.recipes.segmenters import test_device
from segkit.recipes.settings import Section
from segkit.recipes.testing import test_run
from segkit.train import Method, build_network, seed_everything
from segkit.train.gradients import Transform


@dataclass
class Run:
    """One run of a recipe.

    Attributes:
        settings: every number of it.
        folder: where it is kept; None for a dry run.
        machine: devices, nodes, and how they meet.
        resume: go on with what lies in the folder.
        jobs: processes that segment the test part.
        tests: whether `evaluate` does anything.
        measured: rows of a dry run, one for each network that would be trained.
        shrunk: voxels of a patch over those that a dry run works through.
    """

    settings: Section
    folder: Path | None
    machine: Machine = field(default_factory=Machine)
    resume: bool = False
    jobs: int = 1
    tests: bool = True
    measured: list[dict[str, Any]] = field(default_factory=list)
    shrunk: float = 1.0

    @property
    def dry(self) -> bool:
        """Nothing is kept: each training is probed for a few updates."""
        return self.folder is None

    @cached_property
    def device(self) -> torch.device:
        """Where this process predicts, and a dry run computes."""
        return test_device(self.machine.accelerator)

    @cached_property
    def data(self) -> PreparedSet:
        """The prepared data set, with the split or the fold that the settings say."""
        return find_prepared(self.settings.data)

    def whole(self, part: str) -> list[PreparedCase]:
        """Cases of a part that a recipe holds in memory as a whole: all of them, or two for a dry run."""
        return self.data.cases(part)[: 2 if self.dry else None]

    @cached_property
    def geometry(self) -> Geometry:
        """Patch and strides."""
        asked, net = self.settings.training, self.settings.network
        statistics, auto = self.data.statistics, asked.patch == "auto"
        if not auto and (len(asked.patch) != self.data.dims or min(asked.patch) < 1):
            raise ConfigError(f"training.patch needs {self.data.dims} sizes of 1 or more, got {asked.patch}")
        found = fit_geometry(
            statistics["shape"] if auto else asked.patch,
            statistics["spacing_mm"] or likely_spacing(statistics["shape"]),
            voxels=asked.patch_voxels if auto else math.prod(asked.patch),
            levels=len(net.channels),
        )
        patch = found.patch if auto else tuple(asked.patch)
        strides = found.strides
        if net.strides != "auto":
            strides = tuple((s,) * len(patch) if isinstance(s, int) else tuple(s) for s in net.strides)
        return Geometry(patch, strides)

    @property
    def flip_axes(self) -> tuple[int, ...]:
        """Axes that training mirrors. Left and right organs must not change places."""
        asked = self.settings.augmentation.flip_axes
        if asked != "auto":
            return tuple(asked)
        sided = any({"left", "right"} & set(name.split()) for name in self.data.classes)
        return tuple(range(int(sided), self.data.dims))

    @property
    def test_flips(self) -> tuple[int, ...]:
        """Axes that are mirrored, and averaged over, in prediction."""
        asked = self.settings.inference.flips
        return self.flip_axes if asked == "auto" else tuple(asked)

    def network(self, name: str = "UNet", **changes: Any) -> nn.Module:
        """A fresh network for the images of the data set, its weights a function of the seed.

        Args:
            name: as in `build_network`.
            changes: arguments of it, in place of those that the settings and the data say.
        """
        section = dict(self.settings.network)
        strides = self.geometry.strides
        kwargs = {
            "spatial_dims": self.data.dims,
            "in_channels": len(self.data.channels),
            "n_classes": len(self.data.classes),
            **section,
            "channels": list(section["channels"][: len(strides)]),
            "strides": [list(stride) for stride in strides],
            **changes,
        }
        seed_everything(self.settings.seed)
        architecture = {"name": name, "kwargs": kwargs}
        network = build_network({"architecture": architecture})
        network.architecture = architecture  # type: ignore[assignment]
        return network

    def patches(
        self,
        cases: Sequence[PreparedCase],
        *,
        patch: Sequence[int] | None = None,
        batch_size: int | None = None,
        keys: Sequence[str] = ("image", "label"),
        stream: int = 0,
    ) -> PreparedBatches:
        """Batches of patches read from the disk.

        Args:
            cases: of the prepared set.
            patch: voxels along each axis; by default the patch with the margin that `augment` needs.
            batch_size: by default that of the settings.
            keys: "image", "label".
            stream: of several streams in one run, each has a number and an order of its own.
        """
        asked = self.settings.training
        return PreparedBatches(
            cases,
            patch=patch or self.augment.margin(),
            batch_size=batch_size or asked.batch_size,
            seed=2 * self.settings.seed + stream,
            foreground=asked.foreground if "label" in keys else 0.0,
            keys=keys,
        )

    @cached_property
    def augment(self) -> BatchAugment:
        """Augmentation on the device; what comes out has the size of the patch."""
        statistics = self.data.statistics
        return BatchAugment(
            self.geometry.patch,
            **{**self.settings.augmentation, "flip_axes": self.flip_axes},
            spacing=statistics["spacing_mm"] or likely_spacing(statistics["shape"]),
        )

    def fit(
        self,
        method: Method,
        batches: Batches,
        *,
        transform: Transform | None = None,
        training: Section | None = None,
        phase: str = "",
        watch: bool = True,
        see: Callable[[Method], Segmenter] | None = None,
        config: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Method:
        """Train a method with the Trainer, or go on with it; in a dry run, time a few updates.

        Args:
            method: what is trained; `run.network` made its network.
            batches: a function of the number of the update.
            transform: what happens to a batch, which has a seed for every row, on the device; by default
                `augment`.
            training: settings of this training; by default the recipe's `training`.
            phase: name of the folder of this training below the run's, where a recipe has several.
            watch: look at the Dice of validation cases now and then.
            see: what segments a validation case, given the method; by default windows of the patch.
            config: more that the checkpoint has to tell.
            options: further ones of the Trainer.

        Returns:
            The predictor: the method, or its moving average.
        """
        seeded = SeededBatches(batches, seed=self.settings.seed)
        return fit(
            self, method, seeded, transform=transform or self.augment,
            training=training or self.settings.training, phase=phase, watch=watch, see=see,
            config=config or {}, **options,
        )  # fmt: skip

    def evaluate(self) -> None:
        """Segment and measure the test part; write masks, records, report and model card."""
        if self.folder is None:
            say(f"test part: {len(self.data.cases('test'))} cases would be segmented and measured")
        elif self.tests:
            results = test_run(self.folder, accelerator=self.machine.accelerator, jobs=self.jobs)
            if results is not None:
                say(str(results))
