"""Every notebook of the book keeps the book's rules."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.book import guards
from tools.execute import Store
from tools.toc import Page, pages

HOME = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD") or HOME / "_build").resolve()
NOTEBOOKS = sorted((HOME / "book").glob("*.ipynb"))
EXERCISES = sorted((HOME / "book" / "exercises").glob("*.ipynb"))
CHAPTERS = [page for page in pages(HOME) if page.is_notebook]
TEXTS = [*sorted((HOME / "book").glob("*.md")), HOME / "README.md"]


def of(path: Path) -> NotebookNode:
    return nbformat.read(path, 4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
@pytest.mark.parametrize(
    "guard",
    [
        guards.outputs,
        guards.cell_ids,
        guards.parameters,
        guards.long_cells,
        guards.half_figures,
        guards.prose,
    ],
    ids=lambda g: g.__name__,
)
def test_source(guard: Callable[[NotebookNode], list[str]], path: Path) -> None:
    assert guard(of(path)) == []


@pytest.mark.parametrize("path", EXERCISES, ids=lambda p: p.stem)
@pytest.mark.parametrize(
    "guard",
    [guards.outputs, guards.cell_ids, guards.long_cells, guards.half_figures],
    ids=lambda g: g.__name__,
)
def test_exercises(guard: Callable[[NotebookNode], list[str]], path: Path) -> None:
    assert guard(of(path)) == []


@pytest.mark.parametrize("path", [*NOTEBOOKS, *EXERCISES], ids=lambda p: p.stem)
def test_is_a_valid_notebook(path: Path) -> None:
    nbformat.validate(of(path))
    assert path.read_text() == nbformat.writes(of(path)) + "\n", (
        "save it with nbformat's own layout: make stamp"
    )


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda p: p.slug)
@pytest.mark.parametrize("guard", [guards.bare_pictures, guards.stray_outputs], ids=lambda g: g.__name__)
def test_executed_copy(guard: Callable[[NotebookNode], list[str]], page: Page) -> None:
    copy = Store(BUILD).copy(page)
    if not copy.is_file():
        pytest.fail(f"{page.name} has not been executed: run `make book`", pytrace=False)
    assert guard(of(copy)) == []


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda p: p.slug)
def test_every_code_cell_was_executed(page: Page) -> None:
    """A page that was skipped without a word would otherwise look like one that has nothing to show."""
    cells = [
        cell for cell in of(Store(BUILD).copy(page)).cells if cell.cell_type == "code" and cell.source.strip()
    ]
    assert cells and all(cell.execution_count for cell in cells)


def test_every_notebook_is_a_chapter() -> None:
    listed = {page.path for page in CHAPTERS}
    assert [path.name for path in NOTEBOOKS if path not in listed] == [], "add it to _toc.yml"


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.stem)
def test_no_result_is_typed_into_a_page(path: Path) -> None:
    assert guards.typed_results(path.read_text()) == []
