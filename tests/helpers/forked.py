"""Runs that a test may kill: a program that has imported everything forks a process for each folder.

`PROGRAM FOLDER…` reads folders on its standard input, one per line. For each it answers with the id of the
process that works there and, when that has ended, with its status.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from segkit.train import latest_checkpoint

ROOT = Path(__file__).parents[2]


def serve(work: Callable[[str], int]) -> None:
    """What such a program does: `work(folder)` in a forked process for every line, until the input ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(work(line.strip()))
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


class Runs:
    """Starts runs in folders, and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def start(self, folder: Path) -> int:
        """Begin or resume a run; the id of its process."""
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def status(self) -> int:
        """How the run that was started last has ended."""
        return int(self.process.stdout.readline())

    def finish(self, folder: Path) -> float:
        """Let a run come to its end; the seconds it took."""
        before = time.perf_counter()
        self.start(folder)
        assert self.status() == 0
        return time.perf_counter() - before

    def kill(self, folder: Path, after: float) -> bool:
        """Kill a run after some seconds. Whether it was still running."""
        process = self.start(folder)
        time.sleep(after)
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            assert self.status() == 0
            return False
        return self.status() == signal.SIGKILL

    def kill_often(
        self, home: Path, latest: float, ended: Callable[[Path], None], *, kills: int = 10
    ) -> Path:
        """Kill and resume at random moments until so many kills have hit; then let the run come to its end.

        Args:
            home: where the runs are kept.
            latest: seconds after the start by which a run is killed.
            ended: called with the folder of a run that came to its end before it was killed.
            kills: how many.

        Returns:
            The folder of the last run.
        """
        moments, attempt, after_a_save = Random(0), 0, 0
        while kills:
            folder = home / f"run{attempt}"
            if self.kill(folder, moments.uniform(0, latest)):
                kills -= 1
                after_a_save += latest_checkpoint(folder) is not None
            else:
                ended(folder)
                attempt, latest = attempt + 1, 0.7 * latest
        assert after_a_save > 3
        self.finish(home / f"run{attempt}")
        return home / f"run{attempt}"


@contextmanager
def forked(program: Path, *words: str) -> Iterator[Runs]:
    """Start such a program with arguments, from the root of the project."""
    with subprocess.Popen(
        [sys.executable, program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        yield Runs(process)
        process.stdin.close()
