"""The notebook that a reader gets is the one with the solutions, with the solutions taken out.

What is taken out of `<slug>_solutions.ipynb`:

- in a code cell, the lines between `# solution: STUB` and `# end solution`; STUB stands in their place, or
  `...` where there is none. It is what the cell needs in order to run: `# solution: point_mm = ...`;
- all of a cell with the tag `solution`: a code cell becomes `...`, a text "*Your answer here.*";
- a cell with the tag `solution-only`, without trace.

The heading `# Solutions: …` becomes `# Exercises: …`. Cell ids stay, outputs never exist.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from segkit.errors import DataError

SUFFIX = "_solutions.ipynb"
CODE_STUB = "...  # your answer here"
TEXT_STUB = "*Your answer here.*"

_BEGIN = re.compile(r"^(\s*)# solution(?::\s*(.*?))?\s*$")
_END = re.compile(r"^\s*# end solution\s*$")


def make_stub(notebook: dict[str, Any], *, where: str = "the notebook") -> dict[str, Any]:
    """The notebook without its solutions.

    Args:
        notebook: the parsed JSON of the notebook with the solutions; it is not changed.
        where: its name, for errors.

    Raises:
        DataError: for a solution that does not end, or ends without beginning.
    """
    cells = []
    for cell in notebook["cells"]:
        tags = cell.get("metadata", {}).get("tags", [])
        if "solution-only" in tags:
            continue
        code = cell["cell_type"] == "code"
        source = "".join(cell["source"])
        if "solution" in tags:
            source = CODE_STUB if code else TEXT_STUB
        elif code:
            source = _without_solution(source, f"cell {cell.get('id')} of {where}")
        else:
            source = re.sub(r"^# Solutions: ", "# Exercises: ", source)
        kept = [tag for tag in tags if tag != "solution"]
        metadata = {key: value for key, value in cell.get("metadata", {}).items() if key != "tags"}
        stub = {**cell, "source": source.splitlines(True), "metadata": metadata}
        if kept:
            metadata["tags"] = kept
        if code:
            stub |= {"outputs": [], "execution_count": None}
        cells.append(stub)
    return {**notebook, "cells": cells}


def _without_solution(source: str, where: str) -> str:
    lines: list[str] = []
    inside = False
    for line in source.split("\n"):
        begin = _BEGIN.match(line)
        if begin and not inside:
            inside = True
            lines.append(f"{begin[1]}{begin[2] or '...'}  # your answer here")
        elif _END.match(line):
            if not inside:
                raise DataError(f"{where} has `# end solution` without `# solution` above it")
            inside = False
        elif begin:
            raise DataError(f"{where} begins a solution inside a solution")
        elif not inside:
            lines.append(line)
    if inside:
        raise DataError(f"{where} begins a solution that has no `# end solution`")
    return "\n".join(lines)


def stub_text(solutions: Path) -> str:
    """The stub of a file as it must stand on the disk."""
    notebook = json.loads(solutions.read_text(encoding="utf-8"))
    stub = make_stub(notebook, where=solutions.name)
    return json.dumps(stub, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def stub_path(solutions: Path) -> Path:
    """Where the stub of `<slug>_solutions.ipynb` stands: `<slug>.ipynb` beside it."""
    return solutions.with_name(solutions.name.removesuffix(SUFFIX) + ".ipynb")


def stale_stubs(folder: Path) -> list[str]:
    """What is wrong with the stubs of a folder, one sentence each: out of step, missing, without a source."""
    sources = sorted(folder.glob(f"*{SUFFIX}"))
    stubs = {stub_path(source): source for source in sources}
    problems = [
        f"{stub.name} is not what {source.name} gives; run `python tools/make_stubs.py`"
        for stub, source in stubs.items()
        if not stub.exists() or stub.read_text(encoding="utf-8") != stub_text(source)
    ]
    orphans = set(folder.glob("*.ipynb")) - set(stubs) - set(sources)
    return problems + [f"{path.name} has no {path.stem}{SUFFIX} to be made from" for path in sorted(orphans)]


def write_stubs(folder: Path) -> list[Path]:
    """Write every stub of a folder that is not as it must be; returns those that were written."""
    written = []
    for source in sorted(folder.glob(f"*{SUFFIX}")):
        text, path = stub_text(source), stub_path(source)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written
