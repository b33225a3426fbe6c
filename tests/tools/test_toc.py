"""Pages come from `_toc.yml`, in its order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.toc import BookError, pages, repository, toc_names

HOME = Path(__file__).resolve().parents[2]


def test_order_and_kind(project: Path) -> None:
    found = pages(project)
    assert [page.name for page in found] == ["book/intro", "book/demo"]
    assert [page.is_notebook for page in found] == [False, True]
    assert found[1].slug == "demo"


def test_parts_and_sections_are_read(tmp_path: Path) -> None:
    chapters = "  chapters:\n  - file: b\n    sections:\n    - file: c\n"
    (tmp_path / "_toc.yml").write_text(f"format: jb-book\nroot: a\nparts:\n- caption: P\n{chapters}")
    assert toc_names(tmp_path) == ["a", "b", "c"]


def test_a_page_that_is_not_there(project: Path) -> None:
    (project / "book" / "demo.ipynb").unlink()
    with pytest.raises(BookError, match=r"book/demo.*add one or drop the line"):
        pages(project)


def test_the_address_has_no_closing_slash() -> None:
    url, branch = repository(HOME)
    assert url.startswith("https://") and not url.endswith("/")
    assert branch
