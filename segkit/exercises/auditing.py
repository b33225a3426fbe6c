"""Whether a chapter's exercises keep their promises: solutions pass, all else gets its hint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segkit.errors import DataError
from segkit.exercises.checking import Result, check, collect
from segkit.exercises.registry import Exercise, exercises
from segkit.exercises.stubs import SUFFIX, make_stub

LONGEST_TASK = 5
LONGEST_LINE = 130


def run_notebook(notebook: dict[str, Any], *, name: str = "notebook") -> list[Result]:
    """Execute a notebook's code cells, in order and in one namespace, without a kernel.

    Args:
        notebook: its parsed JSON. The code is plain Python: no magics.
        name: for errors.

    Returns:
        The result of every `check` that was called.

    Raises:
        DataError: a cell raised an error; the error is its cause.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with collect() as results:
        for cell in notebook["cells"]:
            if cell["cell_type"] != "code":
                continue
            where = f"{name}[{cell['id']}]"
            try:
                exec(compile("".join(cell["source"]), where, "exec"), namespace)
            except Exception as error:
                raise DataError(f"cell {where} raised {type(error).__name__}: {error}") from error
    return results


def audit(solutions: Path) -> list[str]:
    """What is wrong with the exercises of one chapter, one sentence each; empty where nothing is.

    Args:
        solutions: `<slug>_solutions.ipynb`, where `<slug>` has checks in `segkit.exercises`.
    """
    slug = solutions.name.removesuffix(SUFFIX)
    known = exercises(slug)
    notebook = json.loads(solutions.read_text(encoding="utf-8"))
    return [
        *_audit_texts(notebook, known),
        *_audit_solutions(notebook, known, solutions.name),
        *_audit_stub(make_stub(notebook), known, f"the stub of {solutions.name}"),
        *(problem for task in known.values() for problem in audit_wrong_answers(task)),
    ]


def _audit_solutions(notebook: dict[str, Any], known: dict[str, Exercise], name: str) -> list[str]:
    try:
        results = run_notebook(notebook, name=name)
    except DataError as error:
        return [str(error)]
    problems = [f"the solution fails its own check: {result!r}" for result in results if not result]
    missing = set(known) - {result.name for result in results}
    return problems + [f"{task} has a check but no solution" for task in sorted(missing)]


def _audit_stub(stub: dict[str, Any], known: dict[str, Exercise], name: str) -> list[str]:
    try:
        results = run_notebook(stub, name=name)
    except DataError as error:
        return [str(error)]
    problems = [f"the stub passes the check of {result.name}" for result in results if result]
    return problems + [
        f"the stub of {result.name} gets {result.hint!r} and not how to begin"
        for result in results
        if not result and result.hint != known[result.name].start
    ]


def _audit_texts(notebook: dict[str, Any], known: dict[str, Exercise]) -> list[str]:
    """Each exercise has one task, in a text cell that names it, which is short and says what it asks for."""
    problems = []
    for name, task in known.items():
        cells = [cell for cell in notebook["cells"] if cell.get("metadata", {}).get("exercise") == name]
        if len(cells) != 1:
            problems.append(f"{name} has {len(cells)} cells with the metadata `exercise`; one is expected")
            continue
        lines = [line for line in "".join(cells[0]["source"]).splitlines() if line.strip()]
        if not lines or not lines[0].startswith("## "):
            problems.append(f"the task of {name} does not begin with a heading")
        elif lines[1:2] != [f"*{task.badge}*"]:
            problems.append(f"the second line of the task of {name} is not *{task.badge}*")
        elif not 1 <= len(lines) - 2 <= LONGEST_TASK or max(map(len, lines)) > LONGEST_LINE:
            problems.append(
                f"the task of {name} is longer than {LONGEST_TASK} lines of {LONGEST_LINE}, or empty"
            )
    return problems


def audit_wrong_answers(task: Exercise) -> list[str]:
    """Each typical wrong answer of an exercise fails with its own hint, and there are at least two."""
    problems = [] if len(task.wrong) >= 2 else [f"{task.name} names {len(task.wrong)} wrong answers, not two"]
    hints: dict[str, str] = {}
    for name, wrong in task.wrong.items():
        result = check(task.name, wrong.answer)
        if result:
            problems.append(f"the wrong answer {name!r} passes the check of {task.name}")
        elif wrong.hint not in result.hint:
            problems.append(
                f"the wrong answer {name!r} to {task.name} gets {result.hint!r}, not {wrong.hint!r}"
            )
        elif result.hint in hints:
            problems.append(f"{name!r} and {hints[result.hint]!r} get the same hint of {task.name}")
        hints[result.hint] = name
    return problems
