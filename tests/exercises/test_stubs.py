from __future__ import annotations

import copy
import json

import nbformat
import pytest

from segkit.errors import DataError
from segkit.exercises import make_stub, stale_stubs, write_stubs

from .conftest import SOLUTION, TASK, code, notebook, text, write


def stub(*cells) -> list[str]:
    return ["".join(cell["source"]) for cell in make_stub(notebook(*cells))["cells"]]


def test_the_solution_of_a_function_becomes_dots():
    (source,) = stub(code("def f(x):\n    # solution\n    y = x\n    return y\n    # end solution\n\n\nf(1)"))
    assert source == "def f(x):\n    ...  # your answer here\n\n\nf(1)"


def test_a_solution_may_name_what_stands_in_its_place():
    (source,) = stub(code("# solution: a = ...\na = 1\n# end solution\nb = 2\n# solution\nc\n# end solution"))
    assert source == "a = ...  # your answer here\nb = 2\n...  # your answer here"


def test_tagged_cells_are_replaced_or_dropped():
    cells = [
        code("secret", "a", tags=["solution", "hide-input"]),
        text("Because.", "b", tags=["solution"]),
        text("Only here.", "c", tags=["solution-only"]),
        text("# Solutions: Title\n\nText.", "d"),
    ]
    made = make_stub(notebook(*cells))["cells"]
    assert [cell["id"] for cell in made] == ["a", "b", "d"]
    assert stub(*cells) == [
        "...  # your answer here",
        "*Your answer here.*",
        "# Exercises: Title\n\nText.",
    ]
    assert made[0]["metadata"]["tags"] == ["hide-input"]
    assert "tags" not in made[1]["metadata"]


def test_outputs_do_not_give_the_answer_away():
    cell = code("1") | {"outputs": [{"output_type": "stream", "name": "stdout", "text": ["42"]}]}
    (made,) = make_stub(notebook(cell | {"execution_count": 3}))["cells"]
    assert made["outputs"] == []
    assert made["execution_count"] is None


def test_the_source_is_not_changed():
    source = notebook(TASK, SOLUTION)
    before = copy.deepcopy(source)
    make_stub(source)
    assert source == before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# solution\n1", "no `# end solution`"),
        ("1\n# end solution", "without `# solution`"),
        ("# solution\n# solution\n# end solution", "inside a solution"),
    ],
)
def test_marks_must_pair_up(source, message):
    with pytest.raises(DataError, match=f"cell c of x.ipynb .*{message}"):
        make_stub(notebook(code(source, "c")), where="x.ipynb")


def test_writing_is_repeatable_and_nbformats_own_layout(solutions):
    folder = solutions.parent
    assert stale_stubs(folder) == [
        "tiny.ipynb is not what tiny_solutions.ipynb gives; run `python tools/make_stubs.py`"
    ]
    assert [path.name for path in write_stubs(folder)] == ["tiny.ipynb"]
    assert stale_stubs(folder) == []
    assert write_stubs(folder) == []
    path = folder / "tiny.ipynb"
    read = nbformat.read(path, 4)
    nbformat.validate(read)
    assert path.read_text(encoding="utf-8") == nbformat.writes(read) + "\n"


def test_a_stub_that_was_edited_or_has_no_source_is_found(solutions):
    folder = solutions.parent
    write_stubs(folder)
    path = folder / "tiny.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("Twice", "Thrice"), encoding="utf-8")
    (folder / "old.ipynb").write_text(json.dumps(notebook()), encoding="utf-8")
    assert [problem.split()[0] for problem in stale_stubs(folder)] == ["tiny.ipynb", "old.ipynb"]


def test_a_change_of_the_solution_alone_leaves_the_stub(solutions):
    write_stubs(solutions.parent)
    changed = code("".join(SOLUTION["source"]).replace("2 * x", "x + x"), "solution")
    write(solutions.parent, TASK, changed)
    assert stale_stubs(solutions.parent) == []
