"""All runs of a plan: the finished ones are skipped, the others done one by one or several at once."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segkit.errors import ConfigError
from segkit.experiments.plan import Part, Plan, Setting
from segkit.experiments.pool import run_in_processes
from segkit.experiments.prepared import Prepared, prepare
from segkit.experiments.records import (
    Record,
    append_records,
    read_records,
    record_key,
    require_same_origin,
    results_folder,
)
from segkit.experiments.running import run_names, run_one


@dataclass(frozen=True)
class Job:
    """One run that is to be done."""

    arm: str
    draw: int
    setting: Setting

    def __str__(self) -> str:
        return ", ".join(
            [f"arm {self.arm}", f"draw {self.draw}", *(f"{k} {v}" for k, v in self.setting.items())]
        )


def run_plan(
    plan: Plan,
    *,
    arms: Sequence[str] | None = None,
    draws: Iterable[int] | None = None,
    settings: Sequence[Setting] | None = None,
    part: Part | None = None,
    jobs: int = 1,
    device: str = "auto",
    out: Path | str | None = None,
    prepared: Prepared | None = None,
    report: Callable[[Record, int, int], None] | None = None,
    engine: Callable[..., Iterator[Any]] = run_in_processes,
) -> list[Record]:
    """Do the runs of a plan that are not done yet.

    Each finished run is one line of the file `out`, written at once. Start again after an interruption, or
    with more draws: only what is missing is run. All arms of a draw are done before the next draw begins,
    so that an interrupted experiment is still paired.

    Args:
        plan: the experiment.
        arms: names of some arms; None for all.
        draws: numbers of draws; None for those of the plan.
        settings: some settings; None for those of the plan.
        part: measure "validation" while choosing, and "test" once; None for the plan's part.
        jobs: processes. On a CPU they divide the cores; on a GPU they share it. 1 stays in this process.
        device: "cpu", "cuda", or "auto" for a GPU where there is one.
        out: the file of records; None for `results_folder()/<slug>/<experiment>.jsonl`.
        prepared: the data, where they are at hand (see `unpack`); None to prepare them.
        report: called with each new record, the number of runs done and the number to do.
        engine: does several runs at once; `submit_runs` with its folder bound does them on a cluster.

    Returns:
        The records of all runs asked for, new and old, in the order of the plan.

    Raises:
        ConfigError: unknown arm, part or device, nothing to run, or a plan that other processes cannot
        import.
        DataError: `out` holds runs of other data or of another version of the plan.
    """
    for arm in arms or ():
        plan.arm(arm)
    if part not in (None, "validation", "test"):
        raise ConfigError(f"a part to measure is 'validation' or 'test', not {part!r}")
    if jobs < 1:
        raise ConfigError(f"jobs must be at least 1, not {jobs}")
    device = _device(device)
    path = Path(out) if out else results_folder() / plan.slug / f"{plan.experiment}.jsonl"
    prepared = prepared or prepare(plan)
    wanted = [
        Job(arm, draw, setting)
        for draw in (plan.draw_numbers if draws is None else draws)
        for setting in (plan.settings if settings is None else settings)
        for arm in (arms or plan.arms)
    ]
    if not wanted:
        raise ConfigError(f"there is nothing to run of {plan.name}: give at least one draw and one setting")
    names = [run_names(plan, prepared, job.arm, job.draw, job.setting, part) for job in wanted]
    known = {record_key(record): record for record in read_records(path)} if path.exists() else {}
    for name in names:
        require_same_origin(known.values(), name, path)
    waiting = [job for job, name in zip(wanted, names, strict=True) if record_key(name) not in known]

    for done, record in enumerate(_run(plan, prepared, waiting, part, jobs, device, engine), start=1):
        append_records(path, [record])
        known[record_key(record)] = record
        if report is not None:
            report(record, done, len(waiting))
    return [known[record_key(name)] for name in names]


def _run(
    plan: Plan, prepared: Prepared, waiting: Sequence[Job], part: Part | None, jobs: int, device: str,
    engine: Callable[..., Iterator[Any]],
) -> Iterator[Record]:  # fmt: skip
    if engine is run_in_processes and (jobs == 1 or len(waiting) < 2):
        for job in waiting:
            yield _work((plan, prepared, part, device), job)
        return
    try:
        pickle.dumps(plan)
    except (pickle.PicklingError, AttributeError) as error:
        raise ConfigError(
            f"{plan.name} cannot run in several processes ({error}): define its functions at the top level"
        ) from error
    shared = (plan, prepared, part, device)
    if waiting:
        yield from engine(_work, shared, waiting, processes=min(jobs, len(waiting)))


def _work(shared: tuple[Plan, Prepared, Part | None, str], job: Job) -> Record:
    plan, prepared, part, device = shared
    return run_one(plan, prepared, job.arm, job.draw, job.setting, part=part, device=device)


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise ConfigError(f"a device is 'auto', 'cpu' or 'cuda', not {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("this machine has no CUDA device that torch can use: run with device 'cpu'")
    return name
