"""Runs of the supervised recipe that a test may kill; its arguments are those of `segkit train` but --out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from segkit import cli
from segkit.recipes import launching, supervised  # noqa: F401 - imported before the fork
from tests.helpers.forked import serve


def train(folder: str) -> int:
    with Path(os.devnull).open("w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        return cli.main(["train", "supervised", *sys.argv[1:], "--out", folder, "--resume"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(train)
