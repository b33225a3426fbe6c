"""A small chapter of exercises, its notebook, and no network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segkit.exercises import Exercise, Wrong, registry
from segkit.exercises.judging import compare

BADGE = "*Implement · 5 minutes · no GPU*"


def double(x: float) -> float:
    return 2 * x


MISTAKES = {
    "plus": Wrong(lambda x: x + 2, "You add 2; multiply."),
    "square": Wrong(lambda x: x**2, "You square."),
}


def text(source: str, id: str = "text", **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": id, "metadata": metadata, "source": source.splitlines(True)}


def code(source: str, id: str = "code", **metadata: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "id": id, "metadata": metadata, "source": source.splitlines(True)}
    return cell | {"outputs": [], "execution_count": None}


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


TASK = text(f"## 1. Twice\n\n{BADGE}\n\nWrite `double(x)`.\n", "task", exercise="tiny.double")
SOLUTION = code(
    "from segkit.exercises import check\n"
    "def double(x):\n"
    "    # solution\n"
    "    return 2 * x\n"
    "    # end solution\n"
    'check("tiny.double", double)\n',
    "solution",
)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGKIT_OFFLINE", "1")
    monkeypatch.delenv("SEGKIT_CHECK", raising=False)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exercise]:
    """A chapter called `tiny` with one exercise."""
    task = Exercise(
        "tiny.double",
        "implement",
        5,
        "Multiply by two.",
        lambda answer: compare(answer, double, [(1.0,), (2.0,), (5.0,)], mistakes=MISTAKES),
        MISTAKES,
    )
    monkeypatch.setattr(registry, "chapters", lambda: ["tiny"])
    monkeypatch.setattr(registry, "import_module", lambda name: None)
    monkeypatch.setitem(registry._BY_CHAPTER, "tiny", {task.name: task})
    yield task


@pytest.fixture
def solutions(tiny: Exercise, tmp_path: Path) -> Path:
    """The notebook of the chapter, without a fault."""
    return write(tmp_path, TASK, SOLUTION)


def write(folder: Path, *cells: dict[str, Any]) -> Path:
    path = folder / "tiny_solutions.ipynb"
    path.write_text(json.dumps(notebook(*cells)), encoding="utf-8")
    return path
