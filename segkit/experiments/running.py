"""One run: an arm is trained on a draw and measured, and a record is written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter

import numpy as np
import torch

from segkit.experiments.machine import describe_machine, library_versions, source_commit
from segkit.experiments.measuring import measure_cases
from segkit.experiments.memory import peak_memory
from segkit.experiments.plan import Part, Plan, Setting
from segkit.experiments.prepared import Prepared, make_draw
from segkit.experiments.records import Record
from segkit.experiments.tables import rounded
from segkit.train import History, Method, Trainer, fastest_precision

CURVE_POINTS = 20
"""Points of a learning curve in a record."""


def run_names(
    plan: Plan, prepared: Prepared, arm: str, draw: int, setting: Setting, part: Part | None = None
) -> Record:
    """What is known of a run before it is done: its name, and the origin that tells its like from others."""
    return {
        "slug": plan.slug,
        "experiment": plan.experiment,
        "arm": arm,
        "draw": draw,
        "setting": dict(setting),
        "dataset": plan.dataset,
        "split": prepared.split.hash,
        "data": prepared.digest,
        "plan": plan.fingerprint(arm),
        "part": part or plan.part,
    }


def run_one(
    plan: Plan,
    prepared: Prepared,
    arm: str,
    index: int,
    setting: Setting,
    *,
    part: Part | None = None,
    device: str = "cpu",
) -> Record:
    """Train one arm on one draw and measure it on every case of a part.

    Args:
        plan: the experiment.
        prepared: its data.
        arm: name of the arm.
        index: number of the draw.
        setting: one of the plan's, or another.
        part: the part to measure; None for the plan's.
        device: "cpu" or "cuda".

    Returns:
        A record that validates.
    """
    part = part or plan.part
    of_arm = plan.arm(arm)
    updates = plan.updates_of(setting)
    options = {"precision": "auto", **plan.training, **of_arm.training}
    if options["precision"] == "auto":
        options["precision"] = fastest_precision(device)
    seconds = dict.fromkeys(("prepare", "train", "evaluate"), 0.0)

    with peak_memory(device) as peak:
        with _clock(seconds, "prepare"):
            draw = make_draw(plan, prepared, index, setting, salt=of_arm.salt)
            method = of_arm.method(draw).to(device)
            batches = (of_arm.batches or plan.batches)(draw)
            seed = draw.seed("steps")
            every = max(1, updates // CURVE_POINTS)
            trainer = Trainer(
                method, iterations=updates, seed=seed, accelerator=device, log_every=every,
                validate_every=every, progress=False, **options,
            )  # fmt: skip
            watched = prepared.of(prepared.split.validation)[: plan.watched]
        measure = {"batch_size": plan.predict_batch, "device": device, "precision": options["precision"]}

        def watch(predictor: Method) -> dict[str, float]:
            found = measure_cases(predictor, watched, ["dice"], **measure)["metrics"]["dice"]
            return {"dice": float(np.nanmean(np.array(found, dtype=float)))}

        with _clock(seconds, "evaluate"):  # what the updates took is taken out below
            history = trainer.fit(batches, validate=watch if watched else None)
        seconds["train"] = history.seconds
        seconds["evaluate"] -= history.seconds
        with _clock(seconds, "evaluate"):
            cases = prepared.of(getattr(prepared.split, part))
            extra = None if plan.extra is None else plan.extra(draw, trainer.predictor)
            evaluation = measure_cases(
                trainer.predictor, cases, plan.metrics, band_mm=plan.band_mm, extra=extra, **measure
            )
    return {
        "schema": 1,
        **run_names(plan, prepared, arm, index, setting, part),
        "baseline": plan.baseline,
        "train_cases": [case.id for case in draw.train],
        "command": repeat_command(plan, arm, index, setting, part),
        **(source_commit() if source_commit()["commit"] else prepared.source),
        "finished": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "versions": library_versions(),
        "machine": describe_machine(device),
        "device": torch.device(device).type,
        "precision": options["precision"],
        "seed": seed,
        "updates": updates,
        "parameters": sum(p.numel() for p in method.parameters() if p.requires_grad),
        "seconds": {name: rounded(max(0.0, value)) for name, value in seconds.items()},
        "peak_memory_mb": rounded(peak.total_mb),
        "history": curve(history),
        "evaluation": evaluation,
    }


def curve(history: History, *, points: int = CURVE_POINTS) -> Record:
    """A short learning curve: the loss, averaged between its points, and what was measured on watched cases.

    Example:
        >>> rows = [{"iteration": i, "total": float(i)} for i in range(40)]
        >>> curve(History(rows), points=2)
        {'update': [20, 40], 'loss': [9.5, 29.5]}
    """
    losses = np.array(history.column("total"))
    chunks = np.array_split(np.arange(len(losses)), min(points, len(losses)))
    found: Record = {
        "update": [int(chunk[-1]) + 1 for chunk in chunks],
        "loss": [rounded(float(losses[chunk].mean())) for chunk in chunks],
    }
    if "validation.dice" in history.names:
        iterations, values = history.series("validation.dice")
        found["validation"] = {
            "update": [iteration + 1 for iteration in iterations],
            "dice": [rounded(value) for value in values],
        }
    return found


def repeat_command(plan: Plan, arm: str, draw: int, setting: Setting, part: Part) -> str:
    """The command that repeats a run. Paths are left out: they belong to a machine."""
    words = ["segkit experiment run", plan.name, f"--arms {arm}", f"--draws {draw}"]
    words += [f"--setting {key}={value}" for key, value in setting.items()]
    if part != plan.part:
        words.append(f"--part {part}")
    return " ".join(words)


@contextmanager
def _clock(seconds: dict[str, float], phase: str) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[phase] += perf_counter() - start
