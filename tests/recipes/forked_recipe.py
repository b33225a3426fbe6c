"""Starts runs of a recipe that a test may kill: a program that imports once and forks a process per run.

Its arguments are those of `segkit train` but for the folder; each line on stdin is a folder. The answer is
the process's id, then, when it has ended, its exit status.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from segkit import cli
from segkit.recipes import launching, supervised  # noqa: F401 - imported before the fork


def train(folder: str) -> int:
    with Path(os.devnull).open("w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        return cli.main(["train", "supervised", *sys.argv[1:], "--out", folder, "--resume"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(train(line.strip()))
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)
