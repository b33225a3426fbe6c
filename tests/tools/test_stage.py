"""The staged source holds what Sphinx needs, and files that did not change are left alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tools import stage
from tools.execute import Store
from tools.toc import BookError, pages


def test_layout(project: Path) -> None:
    files = stage.layout(project, Store(project / "_build"), pages(project), {})
    assert files["book/demo.ipynb"] == project / "_build" / "executed" / "book" / "demo.ipynb"
    assert b"# Start" in files["book/intro.md"]
    assert "_static/book.css" in files and "book/_static/favicon.svg" in files
    assert "_vendor/mathjax/tex-chtml.js" in files
    assert any(name.endswith(".woff") for name in files)
    assert not any(name.startswith("_static/") and "mathjax" in name for name in files)


def test_only_changes_are_written(tmp_path: Path) -> None:
    origin = tmp_path / "origin.txt"
    origin.write_text("one")
    target = tmp_path / "source"
    assert sorted(stage.write({"a/b.md": b"text", "c.txt": origin}, target)) == ["a/b.md", "c.txt"]
    before = (target / "a" / "b.md").stat().st_mtime_ns
    assert stage.write({"a/b.md": b"text", "c.txt": origin}, target) == []
    assert (target / "a" / "b.md").stat().st_mtime_ns == before
    origin.write_text("two")
    assert stage.write({"c.txt": origin}, target) == ["c.txt", "a/b.md"]
    assert not (target / "a" / "b.md").exists() and (target / "c.txt").read_text() == "two"


def test_without_mathjax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BookError, match="make install"):
        stage.mathjax_files()
