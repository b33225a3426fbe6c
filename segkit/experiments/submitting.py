"""Runs of an experiment as jobs of a cluster: a SLURM job array through submitit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from segkit.errors import ConfigError, SegkitError, unknown_name
from segkit.experiments.pool import Work

CLUSTERS = ("slurm", "local")
"""Engines of submitit: the cluster, and processes of this machine, to try things out."""

POLL_S = 2.0
"""Seconds between two looks at what has finished."""


def submit_runs(
    work: Work,
    shared: Any,
    jobs: Iterable[Any],
    *,
    processes: int,
    folder: Path | str,
    cluster: str = "slurm",
    parameters: Mapping[str, Any] | None = None,
) -> Iterator[Any]:
    """Do jobs on a cluster and yield their results as they come; as `run_in_processes` on one machine.

    All jobs are one array of which `processes` run at a time. `shared` is written to the folder once and read
    by every job. Keep the process that submits alive until the last result: what it does not see is not
    recorded, and is submitted again the next time.

    With another number of threads than here (`OMP_NUM_THREADS`) sums are taken in another order, and training
    ends in slightly other weights; a record names its threads.

    Args:
        work: `work(shared, job) → result`, defined at the top of a module.
        shared: what all jobs need; it must pickle.
        jobs: one by one.
        processes: how many of the array run at once.
        folder: on a file system that all machines share; receives logs and results.
        cluster: one of `CLUSTERS`.
        parameters: of submitit's executor: `timeout_min`, `gpus_per_node`, `slurm_partition`, ….

    Raises:
        ConfigError: submitit is missing, or another cluster or parameter than it knows.
        SegkitError: a job failed or was lost; the message holds its last line.
    """
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise ConfigError("runs on a cluster need the package submitit: pip install submitit") from error
    if cluster not in CLUSTERS:
        raise unknown_name("cluster", cluster, CLUSTERS)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        executor.update_parameters(slurm_array_parallelism=processes, **(parameters or {}))
    except (NameError, TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"the cluster {cluster!r} does not take this: {str(error).splitlines()[0]}"
        ) from error
    file = folder / "shared.pt"
    torch.save(shared, file)
    with executor.batch():
        submitted = [executor.submit(_one, work, str(file), job) for job in jobs]
    try:
        for job in submitit.helpers.as_completed(submitted, poll_frequency=POLL_S):
            yield _result(job)
    finally:
        for job in submitted:
            if not job.done():
                job.cancel()


def cluster_engine(folder: Path | str, options: Mapping[str, Any]) -> Callable[..., Iterator[Any]]:
    """`run_plan`'s `engine` for the words of a command line.

    Args:
        folder: as in `submit_runs`.
        options: parameters of submitit, and perhaps `cluster`.

    Example:
        >>> cluster_engine("logs", {"cluster": "local", "timeout_min": 60}).keywords["parameters"]
        {'timeout_min': 60}
    """
    parameters = {key: value for key, value in options.items() if key != "cluster"}
    cluster = options.get("cluster", "slurm")
    return partial(submit_runs, folder=folder, cluster=cluster, parameters=parameters)


def _one(work: Work, file: str, job: Any) -> Any:
    return work(torch.load(file, weights_only=False), job)


def _result(job: Any) -> Any:
    error = job.exception()
    if error is None:
        return job.result()
    # submitit's message holds the traceback of the job, with words of its own behind it.
    told = [line for line in str(error).splitlines() if re.match(r"[\w.]+(Error|Exception)\b", line)]
    last = told[-1] if told else "it ended without a result: out of time or memory, most often"
    raise SegkitError(
        f"job {job.job_id} of the cluster failed ({last}): what is finished is kept; look at "
        f"{job.paths.stderr}, then start again"
    ) from error
