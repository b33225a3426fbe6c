"""How fast the supervised recipe goes through patches: waiting for data, compiled or not, one process or two.

`python -m segkit.bench._throughput FOLDER SCALE DEVICES [NAME=VALUE …]` probes one training on the prepared
set in FOLDER and prints what it found as JSON; each measurement is a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from segkit.bench.timing import Row, Timing, bench_row
from segkit.data import make_split, phantoms, prepare_list
from segkit.errors import SegkitError
from segkit.recipes.fitting import Machine
from segkit.recipes.ranks import is_first
from segkit.recipes.run import Run
from segkit.recipes.settings import parse_pairs, read_settings
from segkit.recipes.supervised import train

REPEATS, MOST_WAITING, MOST_OF_ONE = 3, 0.05, 0.6
"""Repeats of each probe; the share of an update that may be spent waiting; what two processes should take of
the time of one."""


def throughput_rows(*, quick: bool) -> list[Row]:
    """Rows on phantoms: waiting for data, two processes, and compilation, which `quick` leaves out."""
    scale, repeats = ("toy", 1) if quick else ("laptop", REPEATS)
    with TemporaryDirectory() as name:
        folder = Path(name)
        cases = phantoms("hippocampus", 4)
        split = make_split([case.group for case in cases], (2, 1, 1), seed=0)
        prepare_list(cases, folder, name="phantoms", split=split, say=lambda line: None)
        kinds: dict[str, tuple[int, list[str]]] = {"one": (1, []), "two": (2, [])}
        if not quick:
            kinds["compiled"] = (1, ["training.compile=true"])
        found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
        for _ in range(repeats):  # in turn, so that a slow minute of the machine falls on all
            for kind, (devices, pairs) in kinds.items():
                found[kind].append(probed(folder, scale, devices, pairs))
    size = words(found["one"][0])
    rows = [
        bench_row(
            {"ours": timing(found["one"]), "peer": timing(found["one"], working=True)},
            operation="update of `segkit train supervised`", size=size,
            peer="the same without waiting for data",
            target=1 / (1 - MOST_WAITING),
        ),
        bench_row(
            {"ours": timing(found["two"]), "peer": timing(found["one"])},
            operation="update shared by two processes", size=size, peer="one process", target=MOST_OF_ONE,
        ),
    ]  # fmt: skip
    if "compiled" in found:
        rows.append(
            bench_row(
                {"ours": timing(found["compiled"]), "peer": timing(found["one"])},
                operation="update with a compiled network",
                size=size,
                peer="not compiled",
            )
        )
    return rows


def words(found: dict[str, Any]) -> str:
    """What a probe was of."""
    rate = found["batch_size"] / found["seconds_per_update"]
    patch = " × ".join(map(str, (found["batch_size"], *found["patch"])))
    return f"{found['parameters']:,} parameters, {patch}, {rate:.3g} samples/s"


def timing(found: Sequence[dict[str, Any]], *, working: bool = False) -> Timing:
    """Milliseconds per update of probes, and their memory; with `working` those not spent waiting."""
    share = [1 - each["wait_share"] if working else 1.0 for each in found]
    ms = [1e3 * each["seconds_per_update"] * s for each, s in zip(found, share, strict=True)]
    known = [each["memory_mb"] for each in found if each["memory_mb"] is not None]
    return Timing(tuple(ms), median(known) if known else None)


def probed(folder: Path, scale: str, devices: int, pairs: Sequence[str]) -> dict[str, Any]:
    """What a process of its own finds out.

    Raises:
        SegkitError: it failed; the message holds its last line.
    """
    command = [sys.executable, "-m", "segkit.bench._throughput", str(folder), scale, str(devices), *pairs]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing was said"]
        raise SegkitError(f"a probe of the throughput failed: {lines[-1]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main(arguments: Sequence[str]) -> int:
    """Probe once, and print the finding as the last line."""
    folder, scale, devices, *pairs = arguments
    changes = parse_pairs([f"data.name={folder}", *pairs])
    run = Run(read_settings("supervised", scale=scale, changes=changes), None, Machine(devices=int(devices)))
    train(run)
    found = {**run.measured[0], "patch": run.geometry.patch, "batch_size": run.settings.training.batch_size}
    if is_first():
        print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
