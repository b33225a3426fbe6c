"""A project of one page to build, with the book's own configuration."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

HOME = Path(__file__).resolve().parents[2]
TOC = """\
format: jb-book
root: book/intro
chapters:
  - file: book/demo
"""


def code(source: str, id: str, **metadata: object) -> nbformat.NotebookNode:
    """A code cell."""
    return nbformat.v4.new_code_cell(source, id=id, metadata=metadata)


def write_notebook(path: Path, *cells: nbformat.NotebookNode) -> Path:
    """A notebook that starts with a title and a parameters cell."""
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# A page", id="title"),
        code('SCALE = "toy"', "parameters", tags=["parameters"]),
        *cells,
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with all that `make book` reads, and one notebook."""
    for name in ("_config.yml", "requirements.lock"):
        shutil.copy(HOME / name, tmp_path / name)
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "segkit").mkdir()
    (tmp_path / "segkit" / "__init__.py").write_text("")
    write_notebook(tmp_path / "book" / "demo.ipynb", code("print(SCALE)", "show"))
    (tmp_path / "book" / "intro.md").write_text("# Start\n\n{cite}`one`\n\n```{bibliography}\n```\n")
    (tmp_path / "book" / "references.bib").write_text("@misc{one, author={A. B.}, title={T}, year={2000}}\n")
    (tmp_path / "book" / "chapters.yml").write_text(
        "- slug: demo\n  title: There\n  question: Where?\n  shows: Here\n"
        "- slug: later\n  title: Planned\n  question: When?\n  shows: Soon\n"
    )
    static = tmp_path / "book" / "_static"
    shutil.copytree(HOME / "book" / "_static", static, ignore=shutil.ignore_patterns("*.png"))
    return tmp_path


@pytest.fixture
def no_data() -> Callable[[], str]:
    """A data manifest that never changes."""
    return lambda: "phantom"
