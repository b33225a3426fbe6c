"""From settings to a Trainer: optimiser, schedule, logger, validation, what a checkpoint tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from time import process_time
from typing import TYPE_CHECKING, Any

from torch.optim import SGD, AdamW, Optimizer

from segkit.data import Batches, Prefetch
from segkit.errors import ConfigError, unknown_name
from segkit.experiments.memory import peak_memory
from segkit.recipes.measuring import Segmenter, mean_dice, windowed
from segkit.recipes.probing import TimedBatches, factor_of, probe, record_of, rows_of
from segkit.recipes.ranks import say, warn
from segkit.recipes.records import add_training, read_record
from segkit.recipes.settings import Section
from segkit.train import Method, Trainer, schedule_named
from segkit.train.gradients import Transform

if TYPE_CHECKING:
    from pathlib import Path

    from segkit.recipes.run import Run

LOGGERS = ("tensorboard", "csv", "none")


@dataclass(frozen=True)
class Machine:
    """Where a run computes.

    Attributes:
        devices: per machine.
        num_nodes: machines.
        accelerator: "auto", "cpu", "cuda" or "mps".
        timeout_s: how long processes wait for each other.
        logger: one of `LOGGERS`, or `package.module:Name` of a Lightning logger, called with `save_dir`.
    """

    devices: int = 1
    num_nodes: int = 1
    accelerator: str = "auto"
    timeout_s: float = 1800.0
    logger: str = "tensorboard"

    @property
    def processes(self) -> int:
        """How many work together."""
        return self.devices * self.num_nodes


def fit(
    run: Run,
    method: Method,
    batches: Batches,
    *,
    transform: Transform,
    training: Section,
    phase: str,
    watch: bool,
    see: Callable[[Method], Segmenter] | None,
    config: Mapping[str, Any],
    **options: Any,
) -> Method:
    """Train, or probe; the arguments are those of `Run.fit`."""
    if training.compile:
        getattr(method, method.network).compile()
    make = partial(_trainer, run, method, training, transform=transform, **options)
    if run.folder is None:
        rows = rows_of(batches, run)
        with TimedBatches(Prefetch(batches, workers=training.workers), rows=rows) as timed:
            found = probe(
                make(folder=None, logger=None), timed, iterations=training.iterations,
                factor=factor_of(batches, run, rows),
            )  # fmt: skip
        run.measured.append({"phase": phase or run.settings.recipe, **found})
        say(record_of(run.measured[-1], batch_size=training.batch_size))
        return method
    timed = TimedBatches(Prefetch(batches, workers=training.workers))
    folder = run.folder / phase
    trainer = make(
        folder=folder, resume=run.resume, config={**_told(run, method, training), **config},
        logger=make_logger(run.machine.logger, folder),
    )  # fmt: skip
    seen = run.data.cases("validation")[: run.settings.validation.cases] if watch else []

    def windows(method: Method) -> Segmenter:
        return windowed(method.predict, patch=run.geometry.patch, inference=run.settings.inference)

    def validate(method: Method) -> Mapping[str, float]:
        return mean_dice((see or windows)(method), seen)

    before, started = trainer.run.start, process_time()
    with timed, peak_memory(str(trainer.fabric.device)) as peak:
        history = trainer.fit(timed, validate=validate if seen else None)
    for logger in trainer.fabric.loggers:
        logger.finalize("success")
    done = len(history) - before
    waited = timed.seconds / history.seconds if done and not before else None
    say(
        f"{phase or run.settings.recipe}: {len(history)} updates, {history.seconds:.1f} s"
        + (f", of which {waited:.1%} waiting for data" if waited is not None else "")
    )
    name = phase or run.settings.recipe
    if done or name not in read_record(run.folder)["trainings"]:  # what was finished before has its record
        cpu = None if before else round(process_time() - started, 3)
        cost = {"cpu_seconds": cpu, "memory_mb": peak.total_mb}
        add_training(run.folder, name, trainer, waited=waited, cost=cost)
    return trainer.predictor.to(trainer.fabric.device)


def _trainer(run: Run, method: Method, training: Section, *, folder: Path | None, **options: Any) -> Trainer:
    machine = run.machine
    settings: dict[str, Any] = {
        "optimizer": make_optimizer(training), "schedule": schedule_named(training.schedule),
        "clip": training.clip, "ema": training.ema, "accumulate": training.accumulate,
        "precision": training.precision, "checkpoint_every": training.checkpoint_every,
        "keep": training.keep, "log_every": training.log_every,
        "validate_every": run.settings.validation.every,
    }  # fmt: skip
    return Trainer(
        method, iterations=training.iterations, lr=training.lr, seed=run.settings.seed, folder=folder,
        devices=machine.devices, num_nodes=machine.num_nodes, accelerator=machine.accelerator,
        timeout_s=machine.timeout_s, **{**settings, **options},
    )  # fmt: skip


def _told(run: Run, method: Method, training: Section) -> dict[str, Any]:
    """What a predictor and the reader of a checkpoint must know."""
    network = getattr(method, method.network)
    data = run.data
    return {
        "architecture": getattr(network, "architecture", None),
        "classes": list(data.classes),
        "preprocess": data.steps,
        "spacing_mm": data.statistics["spacing_mm"],
        "patch": list(run.geometry.patch),
        "flips": list(run.test_flips),
        "overlap": run.settings.inference.overlap,
        "recipe": run.settings.recipe,
        "scale": run.settings.scale,
        "data": {"name": data.name, "hash": data.hash, "split": data.split_hash},
        "settings": run.settings.plain(),
    }


def make_optimizer(training: Section) -> Callable[..., Optimizer]:
    """The Trainer's `optimizer` for the settings: "sgd" with Nesterov momentum, or "adamw".

    Raises:
        ConfigError: another name.
    """
    if training.optimizer == "sgd":
        return partial(SGD, momentum=training.momentum, nesterov=True, weight_decay=training.weight_decay)
    if training.optimizer == "adamw":
        return partial(AdamW, weight_decay=training.weight_decay)
    raise unknown_name("optimizer", training.optimizer, ("adamw", "sgd"))


def make_logger(name: str, folder: Path) -> Any:
    """The Trainer's `logger` for a word of the command line.

    Args:
        name: one of `LOGGERS`, or `package.module:Name`.
        folder: where it may write.

    Raises:
        ConfigError: the word is none of these, or what it names cannot be had.
    """
    if name == "none":
        return None
    if name == "csv":
        from lightning_fabric.loggers import CSVLogger

        return CSVLogger(folder, name="csv")
    if name == "tensorboard":
        try:
            import_module("tensorboard")
        except ModuleNotFoundError:
            warn("tensorboard is not installed: the log is written as CSV")
            return make_logger("csv", folder)
        return "tensorboard"
    module, colon, attribute = name.partition(":")
    if not colon:
        raise unknown_name("logger", name, (*LOGGERS, "package.module:Name"))
    try:
        return getattr(import_module(module), attribute)(save_dir=str(folder))
    except (ImportError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"the logger {name!r} cannot be made ({error}): install it, or name another"
        ) from error
