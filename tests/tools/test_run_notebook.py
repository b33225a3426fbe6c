"""The worker reports one line that a person understands, and leaves nothing of the run on the page."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import nbformat
import pytest

from tests.tools.conftest import code
from tools import run_notebook
from tools.run_notebook import failing_cell, last_line, tidy


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        ("\x1b[0;31mValueError\x1b[0m: no", "ValueError: no"),
        ("a\n   \n", "a"),
    ],
)
def test_last_line(text: str, line: str) -> None:
    assert last_line(text) == line


def notebook(*cells: nbformat.NotebookNode) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook()
    made.cells = list(cells)
    return made


def test_the_failing_cell_is_counted_in_the_source() -> None:
    """papermill adds cells to the copy; the number has to be that of the file which the person edits."""
    source = notebook(code("1", "a"), code("1 / 0", "b"))
    executed = notebook(code("# Parameters", "x", tags=["injected-parameters"]), *source.cells)
    executed.cells[2].outputs = [nbformat.v4.new_output("error", ename="E", evalue="v", traceback=[])]
    assert failing_cell(executed, source) == "cell 2 (id b)"
    assert "no output" in failing_cell(source, notebook())


@pytest.mark.parametrize(("scale", "hidden"), [("toy", True), ("laptop", False)])
def test_the_second_parameters_cell_is_shown_only_where_it_says_something(scale: str, hidden: bool) -> None:
    executed = notebook(code('SCALE = "…"', "x", tags=["injected-parameters"], papermill={"duration": 1}))
    executed.metadata["papermill"] = {"input_path": "/somewhere"}
    tidy(executed, scale)
    assert ("remove-cell" in executed.cells[0].metadata["tags"]) is hidden
    assert "papermill" not in executed.metadata and "papermill" not in executed.cells[0].metadata


@pytest.mark.parametrize(
    ("sentence", "deaths", "starts", "survives"),
    [
        ("Kernel died before replying to kernel_info", 1, 2, True),
        ("Kernel died before replying to kernel_info", 9, 3, False),
        ("something else", 1, 1, False),
    ],
)
def test_a_kernel_that_never_answered_is_started_again(
    monkeypatch: pytest.MonkeyPatch, sentence: str, deaths: int, starts: int, survives: bool
) -> None:
    calls = []

    def start(*paths: str, **options: object) -> None:
        calls.append(paths)
        if len(calls) <= deaths:
            raise RuntimeError(sentence)

    monkeypatch.setattr(run_notebook.papermill, "execute_notebook", start)
    outcome = nullcontext() if survives else pytest.raises(RuntimeError, match=sentence)
    with outcome:
        run_notebook.run_cells(Path("a"), Path("b"), scale="toy", folder=Path("book"))
    assert len(calls) == starts
