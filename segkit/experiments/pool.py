"""Runs in several processes at once: each keeps the prepared data and does one run after another."""

from __future__ import annotations

import signal
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from segkit.errors import SegkitError
from segkit.experiments.machine import cpu_cores

Work = Callable[[Any, Any], Any]
"""`work(shared, job) → result`; defined at the top of a module, so that a new process can import it."""


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    job: Any = None


def run_in_processes(work: Work, shared: Any, jobs: Iterable[Any], *, processes: int) -> Iterator[Any]:
    """Do jobs in `processes` new processes and yield their results as they come.

    `shared` is written to a temporary file once and mapped into every process, so that tensors in it take
    their memory once. Each process computes with its share of the cores. When the consumer stops, is
    interrupted or dies, so do the processes: a job is done whole and its result yielded, or it leaves
    nothing.

    Raises:
        SegkitError: a job raised one, or a process died (out of memory, most often).
        RuntimeError: a job raised something else; the message holds its traceback.
    """
    waiting = iter(jobs)
    threads = max(1, cpu_cores() // processes)
    context = get_context("spawn")
    workers: list[_Worker] = []
    with tempfile.TemporaryDirectory(prefix="segkit-") as folder:
        file = Path(folder) / "shared.pt"
        torch.save(shared, file)
        try:
            for _ in range(processes):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, work, file, threads), daemon=True)
                process.start()
                theirs.close()  # ours alone is left: a worker that dies, or we, are seen at once as the end
                workers.append(_Worker(process, ours))
                _give(workers[-1], waiting)
            while busy := {worker.connection: worker for worker in workers if worker.job is not None}:
                for connection in wait(list(busy)):
                    worker = busy[connection]  # type: ignore[index]
                    result = _take(worker)
                    _give(worker, waiting)  # before the result is consumed: nobody waits for that
                    yield result
        finally:
            for worker in workers:
                worker.connection.close()
                if worker.job is not None:
                    worker.process.terminate()
                worker.process.join()


def _give(worker: _Worker, waiting: Iterator[Any]) -> None:
    worker.job = next(waiting, None)
    if worker.job is not None:
        worker.connection.send(worker.job)


def _take(worker: _Worker) -> Any:
    try:
        result = worker.connection.recv()
    except (EOFError, ConnectionResetError) as error:
        worker.process.join()
        raise SegkitError(
            f"the process that ran {worker.job} died (status {worker.process.exitcode}), most often because "
            "memory ran out: what is finished is kept; start again with fewer jobs"
        ) from error
    if isinstance(result, _Failure):
        if isinstance(result.error, SegkitError):
            raise result.error
        raise RuntimeError(f"{worker.job} failed:\n{result.text}")
    return result


@dataclass
class _Failure:
    error: Exception | None
    text: str


def _serve(connection: Connection, work: Work, file: Path, threads: int) -> None:
    """What a new process does until its parent closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle; it ends us
    torch.set_num_threads(threads)
    shared = torch.load(file, mmap=True, weights_only=False)
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        try:
            result: Any = work(shared, job)
        except Exception as error:
            # Only our own errors are sure to survive the way through a pipe.
            result = _Failure(error if isinstance(error, SegkitError) else None, traceback.format_exc())
        try:
            connection.send(result)
        except BrokenPipeError:
            return
