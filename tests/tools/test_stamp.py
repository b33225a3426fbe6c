"""The repository's address stands in one place; what is derived from it is in step."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

from tests.tools.conftest import code, write_notebook
from tools import stamp

HOME = Path(__file__).resolve().parents[2]


@pytest.fixture
def repo(project: Path) -> Path:
    for name in ("README.md", "CITATION.cff", "pyproject.toml"):
        shutil.copy(HOME / name, project / name)
    return project


def write_all(repo: Path) -> None:
    for path, content in stamp.wanted(repo).items():
        path.write_text(content)


def test_this_repository_is_in_step() -> None:
    stale = [str(path.relative_to(HOME)) for path in stamp.out_of_step(HOME)]
    assert stale == [], "run `make stamp`"


def test_a_new_address_reaches_every_derived_file(repo: Path) -> None:
    write_all(repo)
    assert stamp.out_of_step(repo) == []
    config = repo / "_config.yml"
    config.write_text(config.read_text().replace("five-ideas/segkit-book", "somebody/other-name"))
    stale = {path.name for path in stamp.out_of_step(repo)}
    assert stale == {"README.md", "CITATION.cff", "pyproject.toml", "demo.ipynb"}
    write_all(repo)
    for name in ("README.md", "CITATION.cff", "pyproject.toml", "book/demo.ipynb"):
        text = (repo / name).read_text()
        assert "somebody/other-name" in text and "five-ideas" not in text
    assert "cd other-name" in (repo / "README.md").read_text()


def test_the_install_cell_comes_first_once_and_only_in_colab(repo: Path) -> None:
    write_all(repo)
    write_all(repo)
    notebook = nbformat.read(repo / "book" / "demo.ipynb", 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in cells].count(stamp.INSTALL_ID) == 1
    assert cells[0].id == stamp.INSTALL_ID
    assert 'if "google.colab" in sys.modules' in cells[0].source
    assert "remove-cell" in cells[0].metadata["tags"]  # a page has no use for it, the notebook has


def test_the_install_cell_does_what_colab_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run as Colab would, with git and pip replaced by a list of what was asked."""
    commands: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> None:
        assert check, "a failure must be seen"
        commands.append(command)
        (tmp_path / "a-book" / "book").mkdir(parents=True, exist_ok=True)
        (tmp_path / "a-book" / "book" / "references.bib").touch()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    source = stamp.install_cell("https://host/someone/a-book", "main")
    exec(source, {})
    assert commands == [] and Path.cwd() == tmp_path, "nothing outside Colab"
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    for _ in range(2):  # a cell may be run twice
        exec(source, {})
    assert [command[-1] for command in commands] == ["https://host/someone/a-book", "./a-book[notebook]"]
    assert Path.cwd() == tmp_path / "a-book" / "book"


def test_a_moved_install_cell_is_put_back(repo: Path) -> None:
    write_notebook(repo / "book" / "demo.ipynb", code("1", "one"), code("old", stamp.INSTALL_ID))
    assert repo / "book" / "demo.ipynb" in stamp.out_of_step(repo)


def test_the_readme_links_only_chapters_that_are_there(repo: Path) -> None:
    table = stamp.chapter_table(repo, "https://github.com/a/b", "main")
    assert "https://colab.research.google.com/github/a/b/blob/main/book/demo.ipynb" in table
    assert "| 2 | Planned | Soon | in preparation |" in table


def test_without_write_nothing_changes(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stamp, "HOME", repo)
    before = (repo / "book" / "demo.ipynb").read_text()
    assert stamp.main([]) == 1
    assert "make stamp" in capsys.readouterr().out
    assert (repo / "book" / "demo.ipynb").read_text() == before
    assert stamp.main(["--write"]) == 0
    assert stamp.main([]) == 0
