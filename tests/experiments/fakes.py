"""Run records that nobody ran, with the values that a test needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

CLASSES = ("anterior", "posterior")


def fake_record(
    arm: str = "plain",
    draw: int = 0,
    values: Sequence[Sequence[float | None]] = ((0.8, 0.6), (0.9, 0.7), (0.7, 0.5)),
    *,
    metric: str = "dice",
    setting: dict[str, Any] | None = None,
    status: dict[str, list[list[int]]] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A valid record with `values[case][class]` as its metric."""
    record = {
        "schema": 1,
        "slug": "chapter",
        "experiment": "trial",
        "arm": arm,
        "draw": draw,
        "setting": {"n_labelled": 4} if setting is None else setting,
        "dataset": "hippocampus",
        "split": "0123456789abcdef",
        "data": "0123456789abcdef",
        "plan": "0123456789ab",
        "baseline": "plain",
        "part": "test",
        "train_cases": ["a", "b"],
        "command": f"segkit experiment run chapter/trial --arms {arm} --draws {draw}",
        "commit": "0" * 40,
        "dirty": False,
        "finished": "2026-11-20T12:00:00Z",
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "machine": {
            "system": "Linux",
            "cpu": "a model",
            "cores": 2,
            "threads": 1,
            "memory_gb": 24.0,
            "gpu": None,
        },
        "device": "cpu",
        "precision": "bf16-mixed",
        "seed": 1,
        "updates": 100,
        "parameters": 1000,
        "seconds": {"prepare": 0.1, "train": 10.0, "evaluate": 0.5},
        "peak_memory_mb": 500.0,
        "history": {"update": [50, 100], "loss": [1.0, 0.5]},
        "evaluation": {
            "cases": [f"case_{i}" for i in range(len(values))],
            "groups": [f"group_{i}" for i in range(len(values))],
            "classes": list(CLASSES[: len(values[0])]),
            "metrics": {metric: [list(row) for row in values]},
            "status": {"both_empty": [], "missed": [], "spurious": []} | (status or {}),
            "units": {metric: "mm" if metric.endswith("_mm") else "1"},
            "policies": {metric: "diagonal" if metric.endswith("_mm") else "nan"},
        },
    }
    return record | changes


def with_mean(mean: float, *, cases: int = 3) -> list[list[float]]:
    """Values of two classes whose mean over cases and classes is `mean`."""
    spread = [0.02 * (i - (cases - 1) / 2) for i in range(cases)]
    return [[mean + s + 0.05, mean + s - 0.05] for s in spread]
