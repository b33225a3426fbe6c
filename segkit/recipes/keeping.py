"""A finished run as one small file: what a page prints when the run's folder is long gone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segkit.errors import DataError
from segkit.recipes import RECIPES
from segkit.recipes.material import find_prepared
from segkit.recipes.records import read_record, stored_data_hash, stored_settings, write_json
from segkit.recipes.results import Results
from segkit.train import SCALES

TOTALS = ("seconds", "cpu_seconds")


def run_record(folder: Path, results: Results) -> dict[str, Any]:
    """What is worth keeping of a run.

    Args:
        folder: of a run whose trainings are finished.
        results: of a part of its data.

    Returns:
        recipe, scale, seed, data (name, title, hash and split of the prepared set, cases per part, whether
        they are phantoms), trainings as in `run.json` (command, commit, versions, machine, updates, seconds,
        CPU seconds, memory, share of waiting), and `test`: part, its seconds, the rows of `results.json`,
        and the values of every case, metric → structure → list.

    Raises:
        DataError: no training of the run is finished.
    """
    settings, trainings = stored_settings(folder), read_record(folder)["trainings"]
    if not trainings:
        raise DataError(f"no training in {folder} is finished: resume it, then test it again")
    data, found = find_prepared(settings.data), results.to_json()
    return {
        "recipe": settings.recipe,
        "scale": settings.scale,
        "seed": settings.seed,
        "data": {
            "name": data.name,
            "title": data.title,
            "phantoms": settings.data.phantoms,
            "fold": settings.data.fold,
            "hash": stored_data_hash(folder),
            "split": data.split_hash,
            "cases": {part: len(data.cases(part)) for part in ("train", "validation", "test")},
        },
        "settings": settings.training.plain(),
        "trainings": trainings,
        "test": {
            "part": results.part,
            **{name: round(sum(case[name] for case in found["cases"]), 3) for name in TOTALS},
            "rows": found["rows"],
            "cases": [case["id"] for case in found["cases"]],
            "values": _values(found["cases"]),
        },
    }


def keep_record(folder: Path, results: Results, path: Path) -> Path:
    """Write `run_record` to a file, whole or not at all; returns the file.

    Raises:
        DataError: what `run_record` raises, or the file cannot be written.
    """
    write_json(path, run_record(folder, results))
    return path


def read_run_records(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Kept records below a folder, by recipe and scale."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    return {(record["recipe"], record["scale"]): record for record in found}


def cost_rows(records: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[dict[str, str]]:
    """A row per recipe: what its runs took at every scale, "not yet run" where there is no record.

    Args:
        records: as `read_run_records` gives them.

    Returns:
        `recipe`, `data` and one entry per scale: CPU seconds of training and of the test part, and the peak
        memory of the process that trained (of torch's allocator where there was a GPU).
    """
    rows = []
    for recipe in RECIPES:
        own = {scale: records[recipe, scale] for scale in SCALES if (recipe, scale) in records}
        sets = dict.fromkeys(record["data"]["name"] for record in own.values())
        rows.append(
            {
                "recipe": recipe,
                "data": ", ".join(sets) or "–",
                **{scale: _cost(own[scale]) if scale in own else "not yet run" for scale in SCALES},
            }
        )
    return rows


def result_rows(records: Mapping[tuple[str, str], Mapping[str, Any]], scale: str) -> list[dict[str, str]]:
    """A row per recipe and structure: mean Dice of the test part with its interval over patients.

    Args:
        records: as `read_run_records` gives them.
        scale: of the runs.
    """
    return [
        {
            "recipe": recipe,
            "data": record["data"]["name"],
            "class": row["class"],
            "Dice": f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
            "cases": str(row["n"]),
            "missed": str(row["missed"]),
        }
        for (recipe, at), record in sorted(records.items(), key=lambda item: RECIPES.index(item[0][0]))
        if at == scale
        for row in record["test"]["rows"]
        if row["metric"] == "dice"
    ]


def as_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows with the same keys as a Markdown table."""
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([row[name] for name in head] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cost(record: Mapping[str, Any]) -> str:
    trainings = record["trainings"].values()
    spent = [each["cpu_seconds"] for each in trainings]
    train = "unknown" if None in spent else f"{sum(spent):.0f} s"
    held = [each["memory_mb"] for each in trainings if each["memory_mb"] is not None]
    memory = f", {max(held) / 1024:.1f} GiB" if held else ""
    return f"{train} + {record['test']['cpu_seconds']:.0f} s{memory}"


def _values(cases: list[Mapping[str, Any]]) -> dict[str, dict[str, list[float | None]]]:
    """Metric → structure → value of each case; None where a metric is not defined."""
    metrics = {metric: None for case in cases for found in case["metrics"].values() for metric in found}
    structures = {structure: None for case in cases for structure in case["metrics"]}
    return {
        metric: {s: [_rounded(case["metrics"][s][metric]["value"]) for case in cases] for s in structures}
        for metric in metrics
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
