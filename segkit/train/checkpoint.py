"""Checkpoints: folders of safetensors and one JSON file, there completely or not at all.

run/
  checkpoint-000200/
    checkpoint.json           iteration, config, library versions, size and SHA-256 of the other files
    weights.safetensors       all weights and buffers of the method
    average.safetensors       their moving average, if the run keeps one
    optimizer.safetensors     moments
    rng.safetensors           states of torch's generators, one row per process
    history.json              the loss terms of every update so far
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.errors import CheckpointError
from segkit.train.tensors import Tensors, read_tensors, write_tensors

INDEX = "checkpoint.json"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint as a predictor needs it.

    Attributes:
        folder: where it was read.
        iteration: updates that were done.
        config: what the run said of itself: `architecture` (see `build_network`), `classes`, `preprocess`, ….
        weights: of the network that predicts, named as in its own `state_dict`; the moving average where the
            run kept one.
        meta: the whole of `checkpoint.json`.
    """

    folder: Path
    iteration: int
    config: dict[str, Any]
    weights: Tensors
    meta: dict[str, Any]


def save_checkpoint(
    root: str | Path,
    iteration: int,
    tensors: Mapping[str, Tensors],
    meta: Mapping[str, Any],
    *,
    texts: Mapping[str, str] | None = None,
    keep: int = 2,
) -> Path:
    """Write a checkpoint atomically and remove older ones.

    Everything goes to a temporary folder, is flushed to the disk, and appears under its name in one rename: a
    process that is killed at any point leaves the former checkpoint as the newest complete one.

    Args:
        root: the run's folder; made if missing.
        iteration: updates done.
        tensors: file name without suffix → tensors by name.
        meta: goes into `checkpoint.json`; must be JSON.
        texts: further files, name → content.
        keep: how many complete checkpoints stay, the new one included.

    Returns:
        The checkpoint's folder.

    Raises:
        CheckpointError: the system cannot write (disk full, no permission); earlier ones are untouched.
    """
    root = Path(root)
    final, partial = root / f"checkpoint-{iteration:06d}", root / f".partial-{iteration:06d}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for leftover in root.glob(".partial-*"):
            shutil.rmtree(leftover)
        partial.mkdir()
        for name, values in tensors.items():
            write_tensors(values, partial / f"{name}.safetensors")
        for name, text in (texts or {}).items():
            (partial / name).write_text(text, encoding="utf-8")
        files = {path.name: _facts(path) for path in sorted(partial.iterdir())}
        index = {"format": FORMAT, "iteration": iteration, **meta, "files": files}
        (partial / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
        for path in (*partial.iterdir(), partial):
            _flush(path)
        if final.exists():
            _remove(final)
        partial.rename(final)
        _flush(root)
        # A damaged newer folder, which a resumed run has passed over, must not count as one of those kept.
        for old in _numbered(root, before=iteration)[max(0, keep - 1) :]:
            _remove(old)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        reason = error.strerror or error
        raise CheckpointError(
            f"the checkpoint of iteration {iteration} cannot be written to {root} ({reason}): "
            "free some space or choose another folder; earlier checkpoints are untouched"
        ) from error
    return final


def latest_checkpoint(root: str | Path) -> Path | None:
    """The newest complete checkpoint in a run's folder, or None. One that is damaged is passed over."""
    return next((folder for folder in _numbered(Path(root)) if _read_index(folder) is not None), None)


def read_meta(folder: Path) -> dict[str, Any]:
    """`checkpoint.json` of a complete checkpoint.

    Raises:
        CheckpointError: the checkpoint is missing, damaged or of a later format.
    """
    meta = _read_index(folder)
    if meta is None:
        raise CheckpointError(
            f"the checkpoint {folder} is missing or damaged: use another one, or train again"
        )
    if meta["format"] > FORMAT:
        raise CheckpointError(
            f"{folder} was written by a later segkit (format {meta['format']}): update segkit"
        )
    return meta


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Read a checkpoint for prediction.

    Args:
        folder: a checkpoint, or the folder of a run, whose newest complete checkpoint is taken.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    folder = Path(folder)
    if not (folder / INDEX).exists():
        latest = latest_checkpoint(folder)
        if latest is None:
            raise CheckpointError(
                f"no complete checkpoint in {folder}: give the folder that `segkit train` wrote"
            )
        folder = latest
    meta = read_meta(folder)
    average = "average.safetensors" in meta["files"]
    weights = read_tensors(folder / ("average.safetensors" if average else "weights.safetensors"))
    prefix = f"{meta['network']}." if meta.get("network") else ""
    mine = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    return Checkpoint(folder, meta["iteration"], meta.get("config", {}), mine, meta)


def _numbered(root: Path, *, before: float = float("inf")) -> list[Path]:
    """Folders named as checkpoints of iterations smaller than `before`, newest first."""
    numbers = {
        path: int(path.name.split("-")[1])
        for path in root.glob("checkpoint-*")
        if path.name.split("-")[1].isdigit()
    }
    return sorted((path for path in numbers if numbers[path] < before), key=numbers.__getitem__, reverse=True)


def _read_index(folder: Path) -> dict[str, Any] | None:
    """The index if every file is there as it was written, else None."""
    try:
        meta: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        complete = all(_facts(folder / name) == facts for name, facts in meta["files"].items())
        return meta if complete and {"format", "iteration"} <= meta.keys() else None
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _remove(folder: Path) -> None:
    """Remove a checkpoint, under a name that nobody takes for a checkpoint while it is half gone."""
    doomed = folder.rename(folder.with_name(f".partial-removed-{folder.name}"))
    shutil.rmtree(doomed)


def _flush(path: Path) -> None:
    """Wait until a file's or folder's content is on the disk: a rename may otherwise get there first."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
