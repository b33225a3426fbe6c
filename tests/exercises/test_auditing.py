"""The audit of a chapter, and a planted fault for each of its findings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from segkit.errors import DataError
from segkit.exercises import Wrong, audit, registry, run_notebook

from .conftest import SOLUTION, TASK, code, notebook, text, write


def edited(cell, old: str, new: str):
    source = "".join(cell["source"])
    assert old in source
    return {**cell, "source": source.replace(old, new).splitlines(True)}


def test_a_sound_chapter(solutions):
    assert audit(solutions) == []


@pytest.mark.parametrize(
    ("cells", "finding"),
    [
        ([TASK, edited(SOLUTION, "2 * x", "3 * x")], "the solution fails its own check"),
        ([TASK, edited(SOLUTION, 'check("tiny.double", double)', "")], "has a check but no solution"),
        ([TASK, edited(SOLUTION, "# solution\n", "# solution: return 2 * x\n")], "the stub passes the check"),
        ([TASK, edited(SOLUTION, "# solution\n", "# solution: return x\n")], "and not how to begin"),
        ([TASK, edited(SOLUTION, "return 2 * x", "return y")], "the solution fails its own check"),
        ([TASK, SOLUTION, code("1 / 0", "bad")], r"tiny_solutions.ipynb\[bad\] raised ZeroDivisionError"),
        (
            [TASK, code("# solution\na = 1\n# end solution\na", "bad"), SOLUTION],
            r"the stub of tiny_solutions.ipynb\[bad\] raised NameError",
        ),
        ([SOLUTION], "has 0 cells with the metadata"),
        ([TASK, TASK, SOLUTION], "has 2 cells with the metadata"),
        ([edited(TASK, "## ", "Task "), SOLUTION], "does not begin with a heading"),
        ([edited(TASK, "5 minutes", "9 minutes"), SOLUTION], r"is not \*Implement · 5 minutes"),
        (
            [edited(TASK, "Write", "One.\nTwo.\nThree.\nFour.\nFive.\nWrite"), SOLUTION],
            "is longer than 5 lines",
        ),
        ([edited(TASK, "Write", "long " * 40), SOLUTION], "is longer than 5 lines"),
        ([edited(TASK, "Write `double(x)`.", ""), SOLUTION], "or empty"),
    ],
)
def test_faults_of_a_notebook(tiny, tmp_path, cells, finding):
    problems = audit(write(tmp_path, *cells))
    assert len(problems) >= 1
    with pytest.raises(AssertionError, match=finding):
        raise AssertionError(problems[0])


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        ({"a": Wrong(lambda x: 2 * x, "-"), "b": Wrong(lambda x: x, "yours")}, "'a' passes the check"),
        (
            {"a": Wrong(lambda x: x, "no such hint"), "b": Wrong(lambda x: x**2, "square")},
            "not 'no such hint'",
        ),
        ({"a": Wrong(lambda x: x, "yours"), "b": Wrong(lambda x: x + 0, "yours")}, "get the same hint"),
        ({"a": Wrong(lambda x: x**2, "You square.")}, "names 1 wrong answers, not two"),
    ],
)
def test_faults_of_wrong_answers(tiny, solutions, monkeypatch, wrong, finding):
    monkeypatch.setitem(registry._BY_CHAPTER, "tiny", {tiny.name: replace(tiny, wrong=wrong)})
    (problem,) = audit(solutions)
    assert finding in problem


def test_cells_share_one_namespace_and_checks_are_counted(tiny):
    cells = [code("a = 2", "one"), text("a = 3"), code("".join(SOLUTION["source"]) + "assert a == 2", "two")]
    assert [result.name for result in run_notebook(notebook(*cells))] == ["tiny.double"]


def test_a_failing_cell_is_named(tiny):
    with pytest.raises(DataError, match=r"page\[bad\] raised SyntaxError"):
        run_notebook(notebook(code("%matplotlib inline", "bad")), name="page")
