"""Tables that the build writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import generated
from tools.execute import Store
from tools.toc import BookError, Page, pages

HOME = Path(__file__).resolve().parents[2]


def test_a_chapter_in_preparation_has_no_link(project: Path) -> None:
    table = generated.chapter_map(project, ["book/intro", "book/demo"])
    assert "{doc}`1. There </book/demo>`" in table
    assert "2. Planned *(in preparation)*" in table and "/book/later" not in table


def test_the_book_promises_nine_chapters() -> None:
    listed = generated.chapters(HOME)
    assert len(listed) == 9
    assert all(set(chapter) == {"slug", "title", "question", "shows"} for chapter in listed)
    assert all(chapter["question"].endswith("?") for chapter in listed)


def test_executions(project: Path) -> None:
    store = Store(project / "_build")
    page = pages(project)[1]
    store.copy(page).parent.mkdir(parents=True)
    store.copy(page).write_text("{}")
    store.record(page).write_text(json.dumps({"seconds": 12.3, "peak_mb": 456, "parts": {}}))
    table = generated.execution_table(store, [page, Page("book/no", project / "no.ipynb")], "toy", "phantom")
    assert "| {doc}`/book/demo` | 12 | 456 |" in table
    assert "book/no" not in table
    assert "phantoms" in table and "torch" in table
    assert "phantoms" not in generated.execution_table(store, [page], "toy", "abc")


def test_every_data_set_is_told_with_its_licence() -> None:
    from segkit.data import DATASETS

    table = generated.data_table(DATASETS)
    for name, entry in DATASETS.items():
        assert f'load("{name}")' in table
        assert entry.licence.spdx in table and entry.homepage in table
        assert all(citation in table for citation in entry.citations)


def test_every_set_at_full_size_is_told_with_its_licence_and_how_to_get_it() -> None:
    from segkit.data import CATALOGUE

    table = generated.catalogue_table(CATALOGUE)
    for name, entry in CATALOGUE.items():
        assert f"### {name}\n" in table and f"| `{name}` |" in table
        assert entry.licence.spdx in table and entry.homepage in table and entry.used_for in table
        assert all(citation in table for citation in entry.citations)
        assert (f"`segkit data prepare {name}` downloads" in table) == bool(entry.files)
    assert "asks for registration" in table and "a hash is published for 1 of them" in table


def test_an_unknown_mark_is_refused() -> None:
    with pytest.raises(BookError, match="weather"):
        generated.fill("<!-- generated: weather -->", {"chapters": str}, "book/intro")


def test_every_mark_of_the_book_is_known() -> None:
    marks = {
        name for path in (HOME / "book").glob("*.md") for name in generated.MARK.findall(path.read_text())
    }
    assert marks == {"chapters", "executions", "data", "catalogue"}
