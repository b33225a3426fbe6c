"""Run a function in several processes that form a gloo group, and bring back what each returns."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def run_in_group(function: Callable[..., Any], processes: int, *args: Any, seconds: float = 200) -> list[Any]:
    """Call `function(rank, *args)` in each process of a group.

    Args:
        function: defined at the top of a module that can be imported.
        processes: size of the group.
        args: the same for every process; must pickle.
        seconds: how long to wait before the processes are ended.

    Returns:
        What each process returned, by rank.

    Raises:
        RuntimeError: a process raised or did not finish; the message holds its traceback.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = mp.get_context("spawn")
        group = [
            context.Process(target=_member, args=(rank, processes, folder, function, args))
            for rank in range(processes)
        ]
        for member in group:
            member.start()
        for member in group:
            member.join(seconds)
        for rank, member in enumerate(group):
            if member.is_alive():
                member.kill()
                member.join()
            error = folder / f"{rank}.txt"
            if error.exists():
                raise RuntimeError(f"process {rank} of {processes}:\n{error.read_text()}")
            if member.exitcode != 0:
                raise RuntimeError(f"process {rank} of {processes} ended with {member.exitcode}")
        return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(processes)]


def _member(
    rank: int, processes: int, folder: Path, function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    try:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=processes)
        torch.save(function(rank, *args), folder / f"{rank}.pt")
    except BaseException:
        (folder / f"{rank}.txt").write_text(traceback.format_exc())
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
