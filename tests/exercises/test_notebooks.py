"""Every chapter's exercises: solutions pass, stubs and typical wrong answers fail with their hint."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from segkit.exercises import audit, chapters, stale_stubs
from tests.book import guards

FOLDER = Path(__file__).resolve().parents[2] / "book" / "exercises"
SOLUTIONS = sorted(FOLDER.glob("*_solutions.ipynb"))


def test_each_chapter_with_checks_has_a_notebook():
    assert [path.name.removesuffix("_solutions.ipynb") for path in SOLUTIONS] == sorted(chapters())


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_solutions_stubs_and_wrong_answers(path):
    assert audit(path) == []


def test_stubs_are_made_from_the_solutions():
    assert stale_stubs(FOLDER) == []


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "guard", [guards.outputs, guards.cell_ids, guards.long_cells, guards.prose], ids=lambda g: g.__name__
)
def test_they_keep_the_rules_of_a_page(guard, path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert guard(notebook) == []
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook) + "\n"
