"""What it costs to import the library, beside `import torch`; each import in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial

from segkit.bench.timing import Row, bench_row, compare

TARGET = 1.15
"""`import segkit` may take this much of the time of `import torch`."""


def run(*, quick: bool) -> list[Row]:
    """Rows for the package alone, and for the parts that a training script names."""
    statements = {
        "import segkit": "import segkit",
        "import Trainer and UNet": "from segkit.train import Trainer; from segkit.nets import UNet",
    }
    return [
        _row(
            operation,
            statement,
            repeats=3 if quick else 11,
            target=TARGET if operation == "import segkit" else None,
        )
        for operation, statement in statements.items()
    ]


def _row(operation: str, statement: str, *, repeats: int, target: float | None) -> Row:
    def start(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    operations = {"ours": partial(start, statement), "peer": partial(start, "import torch")}
    timings = compare(operations, repeats=repeats, warm_up=1)
    # The memory is that of other processes, which the meter of this one does not see.
    unseen = {name: replace(timing, peak_mb=None) for name, timing in timings.items()}
    return bench_row(unseen, operation=operation, size="new process", peer="import torch", target=target)
