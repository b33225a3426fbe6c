"""What a run keeps beside its checkpoints.

run/
  settings.yaml   every setting, as the recipe's file, the scale and the command line made them
  data.sha256     of the prepared data set
  run.json        one entry per training: where and how it was done, and how long it took
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from segkit.data.files import replacing
from segkit.errors import DataError
from segkit.experiments.machine import describe_machine, library_versions, source_commit
from segkit.recipes.ranks import is_first
from segkit.recipes.settings import Section
from segkit.train import Trainer

SETTINGS, DATA, RECORD = "settings.yaml", "data.sha256", "run.json"


def has_settings(folder: Path) -> bool:
    """Whether a run was begun in a folder."""
    return (folder / SETTINGS).is_file()


def stored_settings(folder: Path) -> Section:
    """The settings of a run.

    Raises:
        DataError: the folder is none of a run.
    """
    try:
        return Section(yaml.safe_load((folder / SETTINGS).read_text("utf-8")))
    except (OSError, yaml.YAMLError, TypeError) as error:
        raise DataError(f"{folder} holds no run: give the folder that `segkit train` wrote") from error


def keep_settings(folder: Path, settings: Section) -> None:
    """Write the settings of a run, once for all processes."""
    _write(folder / SETTINGS, yaml.safe_dump(settings.plain(), sort_keys=False, allow_unicode=True))


def keep_data_hash(folder: Path, digest: str) -> None:
    """Write which prepared data a run is trained on, once for all processes."""
    _write(folder / DATA, f"{digest}\n")


def stored_data_hash(folder: Path) -> str:
    """Which prepared data a run was trained on; "" if it is not known."""
    path = folder / DATA
    return path.read_text("utf-8").strip() if path.is_file() else ""


def read_record(folder: Path) -> dict[str, Any]:
    """`run.json` of a run, or an empty record."""
    path = folder / RECORD
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {"trainings": {}}
    return found


def add_training(
    folder: Path, phase: str, trainer: Trainer, *, waited: float | None, cost: Mapping[str, float | None]
) -> None:
    """Add what is known of a finished training.

    Args:
        folder: of the run.
        phase: name of the training.
        trainer: which has done it.
        waited: share of the time of the updates in which they waited for data; None where it is not known,
            since the run was resumed.
        cost: `cpu_seconds` and `memory_mb` of the first process; None where they are not known.
    """
    if not is_first():
        return
    device = str(trainer.fabric.device)
    entry = {
        "finished": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "updates": trainer.done,
        "parameters": sum(p.numel() for p in trainer.method.parameters() if p.requires_grad),
        "seconds": round(trainer.history.seconds, 3),
        "wait_share": waited,
        **cost,
        "processes": trainer.fabric.world_size,
        "device": trainer.fabric.device.type,
        "machine": describe_machine(device),
        "versions": library_versions(),
        **source_commit(),
        "command": " ".join(["segkit", *_without_paths(sys.argv[1:])]),
    }
    record = read_record(folder)
    record["trainings"][phase] = entry
    write_json(folder / RECORD, record)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _write(path: Path, text: str) -> None:
    if is_first():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _without_paths(words: list[str]) -> list[str]:
    """A command without the folders of a machine."""
    return [Path(word).name if "/" in word else word for word in words]
