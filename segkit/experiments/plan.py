"""What is to be run: a data set, arms, settings and draws, under one budget of updates."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from segkit.data import Case
from segkit.data.splitting import Split, load_split
from segkit.errors import ConfigError, unknown_name
from segkit.experiments.draw import Draw
from segkit.experiments.measuring import Extra
from segkit.experiments.records import canonical
from segkit.train import Batches, Method

Part = Literal["validation", "test"]
Setting = Mapping[str, Any]


@dataclass(frozen=True)
class Arm:
    """One of the methods that a plan compares.

    Attributes:
        description: what it is, as a table's legend says it.
        method: builds it from a draw. Take initial weights from `draw.module`.
        batches: its batches, where they are not those of the plan (a second, unlabelled stream).
        training: options of the Trainer that differ from the plan's (a learning rate tuned for this arm).
        salt: makes this arm differ from another by chance alone.
    """

    description: str
    method: Callable[[Draw], Method]
    batches: Callable[[Draw], Batches] | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    salt: str = ""


@dataclass(frozen=True)
class Plan:
    """An experiment before it is run.

    Functions of a plan that is run by several processes must be importable: defined at the top of a
    module, or `functools.partial` of such.

    Attributes:
        slug: the chapter that the evidence belongs to.
        experiment: the name within the chapter; records go to `book/results/<slug>/<experiment>.jsonl`.
        question: what the experiment asks, in one sentence.
        dataset: the name that is loaded and recorded.
        prepare: name of the data set → every case of all parts, as the nets are to see them.
        arms: name → arm. All train for the same number of updates.
        baseline: the arm that the others are compared with.
        batches: the training batches of a draw.
        updates: the budget of every arm; a setting's own `updates` goes before it.
        training: options of the Trainer, common to all arms.
        settings: what varies besides arm and draw. `n_labelled` counts patients; without it all are labelled.
        draws: how many draws a full run has, or their numbers.
        metrics: names for `segkit.evaluate.evaluate_case`; the first is the one that a run reports.
        part: the part of the split that is measured. Choices are made with "validation".
        noise: corrupts the label of a training case, from its own generator.
        predict_batch: cases per call of `Method.predict`, where their shapes agree.
        watched: validation cases whose Dice is measured about 20 times during training, to show the plateau.
        split: data set → its split by patient; the committed one by default.
        band_mm: width of the band of the metric `band_dice`.
        extra: from a draw and the trained method, what else is measured of every case.
    """

    slug: str
    experiment: str
    question: str
    dataset: str
    prepare: Callable[[str], Sequence[Case]]
    arms: Mapping[str, Arm]
    baseline: str
    batches: Callable[[Draw], Batches]
    updates: int
    training: Mapping[str, Any] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ({},)
    draws: int | Sequence[int] = 10
    metrics: tuple[str, ...] = ("dice",)
    part: Part = "test"
    noise: Callable[[Case, torch.Generator, Setting], Case] | None = None
    predict_batch: int = 4
    watched: int = 0
    split: Callable[[str], Split] = load_split
    band_mm: float = 2.0
    extra: Callable[[Draw, Method], Extra] | None = None

    def __post_init__(self) -> None:
        if self.baseline not in self.arms:
            raise unknown_name(f"arm (as the baseline of {self.name})", self.baseline, self.arms)
        unspeakable = [name for name in self.arms if "," in name]
        if unspeakable:
            raise ConfigError(
                f"arm {unspeakable[0]!r} of {self.name} has a comma in its name: `--arms` cannot ask for it"
            )
        if len({canonical(setting) for setting in self.settings}) != len(self.settings) or not self.settings:
            raise ConfigError(
                f"the settings of {self.name} must be different from each other, and at least one"
            )

    @property
    def name(self) -> str:
        """`<slug>/<experiment>`, as the command line takes it."""
        return f"{self.slug}/{self.experiment}"

    @property
    def draw_numbers(self) -> Sequence[int]:
        """The numbers of the draws of a full run."""
        return range(self.draws) if isinstance(self.draws, int) else self.draws

    def arm(self, name: str) -> Arm:
        """The arm of that name, or an error with the nearest."""
        if name not in self.arms:
            raise unknown_name(f"arm of {self.name}", name, self.arms)
        return self.arms[name]

    def updates_of(self, setting: Setting) -> int:
        """The budget of a run."""
        return int(setting.get("updates", self.updates))

    def fingerprint(self, arm: str) -> str:
        """Changes with every number that the plan declares for an arm: records of two versions are not mixed.

        It does not see inside functions: pass them their numbers with `functools.partial`, whose arguments
        count.
        """
        of_arm = self.arm(arm)
        declared = {
            "name": self.name,
            "dataset": self.dataset,
            "updates": self.updates,
            "training": {**self.training, **of_arm.training},
            "functions": [self.prepare, of_arm.batches or self.batches, self.noise, of_arm.method],
            "salt": of_arm.salt,
            **({} if self.extra is None else {"extra": self.extra}),
        }
        return hashlib.sha256(canonical(_readable(declared)).encode()).hexdigest()[:12]


def _readable(value: Any) -> Any:
    """A value as JSON, the same in every process: functions by their name, partials with their arguments."""
    if isinstance(value, Mapping):
        return {str(key): _readable(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_readable(item) for item in value]
    if hasattr(value, "func") and hasattr(value, "keywords"):
        return [_readable(value.func), _readable(value.args), _readable(value.keywords)]
    if callable(value):
        return (
            f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
        )
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)
