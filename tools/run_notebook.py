"""Execute one notebook in a process of its own, so that its time and peak memory can be told.

`tools.execute` starts it; the report is a JSON file because a process killed for want of memory writes none.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import papermill

ANSI = re.compile(r"\x1b\[[0-9;]*m")
CELL_TIMEOUT_S = {"toy": 300, "laptop": 3600}
KERNEL_TIMEOUT_S = 120
KERNEL_STARTS = 3
"""A kernel is told its ports before it takes them. Where another is quicker it dies, and is started again."""


def peak_mb() -> float:
    """Peak resident memory in MB (10⁶ bytes) of the largest process that this one has waited for."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e6


def last_line(text: str) -> str:
    """The last line that says something, without terminal colours.

    >>> last_line("Traceback\\n\\x1b[31mValueError\\x1b[0m: no\\n\\n")
    'ValueError: no'
    """
    lines = [line for line in ANSI.sub("", text).splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def failing_cell(executed: nbformat.NotebookNode, source: nbformat.NotebookNode) -> str:
    """Where the first error output stands, as the reader of the source counts: "cell 4 (id train)"."""
    ids = [cell.get("id") for cell in source.cells]
    for cell in executed.cells:
        if any(out.output_type == "error" for out in cell.get("outputs", [])) and cell.get("id") in ids:
            return f"cell {ids.index(cell.id) + 1} (id {cell.id})"
    return "a cell that left no output"


def tidy(executed: nbformat.NotebookNode, scale: str) -> None:
    """Take out of an executed copy what belongs to the run and not to the page.

    papermill leaves absolute paths and times in the metadata, and a second parameters cell. The latter stays
    visible only where it says something that the page's own cell does not.
    """
    executed.metadata.pop("papermill", None)
    for cell in executed.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags and scale == "toy":
            cell.metadata["tags"] = [*tags, "remove-cell"]


def run_cells(source: Path, target: Path, *, scale: str, folder: Path) -> None:
    """papermill, with another start for a kernel that never answered."""
    for start in range(1, KERNEL_STARTS + 1):
        try:
            papermill.execute_notebook(
                str(source),
                str(target),
                parameters={"SCALE": scale},
                kernel_name="python3",
                cwd=str(folder),
                progress_bar=False,
                request_save_on_cell_execute=False,
                start_timeout=KERNEL_TIMEOUT_S,
                execution_timeout=CELL_TIMEOUT_S.get(scale),
            )
            return
        except RuntimeError as problem:
            if "before replying to kernel_info" not in str(problem) or start == KERNEL_STARTS:
                raise


def execute(source: Path, target: Path, *, scale: str, folder: Path) -> dict[str, Any]:
    """Execute `source` into `target` and tell how it went.

    Args:
        source: a notebook.
        target: where the executed copy goes; written also when a cell fails, for looking at.
        scale: value given to the notebook's parameter `SCALE`.
        folder: working directory of the kernel.

    Returns:
        `seconds`, `peak_mb`, and `error`: None, or where and what ("cell 4 (id train): ValueError: no").
    """
    began, error = time.monotonic(), None
    try:
        run_cells(source, target, scale=scale, folder=folder)
    except Exception as problem:  # a dead kernel, a cell over its time and a failing cell are told alike
        cell = "before the first cell"
        if target.is_file():
            cell = failing_cell(nbformat.read(target, 4), nbformat.read(source, 4))
        error = f"{cell}: {last_line(str(problem)) or type(problem).__name__}"
    else:
        notebook = nbformat.read(target, 4)
        tidy(notebook, scale)
        nbformat.write(notebook, target)
    return {"seconds": round(time.monotonic() - began, 2), "peak_mb": round(peak_mb()), "error": error}


def main(arguments: list[str]) -> int:
    """`python -m tools.run_notebook SOURCE TARGET REPORT --scale toy --folder book`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    for name in ("source", "target", "report"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--scale", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args(arguments)
    report = execute(given.source, given.target, scale=given.scale, folder=given.folder)
    given.report.write_text(json.dumps(report))
    return 1 if report["error"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
