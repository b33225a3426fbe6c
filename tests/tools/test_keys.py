"""A page's key changes with everything that its outputs depend on, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.conftest import code, write_notebook
from tools import keys
from tools.toc import BookError, Page


def parts(project: Path, *, scale: str = "toy", manifest: str = "m") -> dict[str, str]:
    page = Page("book/demo", project / "book" / "demo.ipynb")
    return keys.page_parts(project, page, keys.shared_parts(project, scale=scale, manifest=manifest))


def append(path: Path, text: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text() if path.is_file() else "") + text)


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("book/demo.ipynb", "notebook"),
        ("segkit/__init__.py", "library"),
        ("segkit/new/module.py", "library"),
        ("segkit/data/splits/one.json", "library"),
        ("requirements.lock", "lock"),
        ("book/results/demo/first.jsonl", "results"),
    ],
)
def test_a_changed_file_changes_its_part_only(project: Path, path: str, part: str) -> None:
    before = parts(project)
    append(project / path)
    assert keys.changed(before, parts(project)) == [part]


@pytest.mark.parametrize(
    "path",
    [
        "book/other.ipynb",
        "book/intro.md",
        "book/results/other/x.jsonl",
        "segkit/__pycache__/a.pyc",
        "README.md",
    ],
)
def test_what_a_page_does_not_read(project: Path, path: str) -> None:
    before = parts(project)
    append(project / path)
    assert parts(project) == before


def test_records_of_another_chapter_count_where_the_notebook_names_it(project: Path) -> None:
    write_notebook(project / "book" / "demo.ipynb", code('read_records("other/first")', "read"))
    append(project / "book" / "results" / "other" / "first.jsonl")
    before = parts(project)
    append(project / "book" / "results" / "other" / "first.jsonl")
    assert keys.changed(before, parts(project)) == ["results"]


def test_scale_and_data() -> None:
    assert keys.changed({"scale": "toy", "data": "a"}, {"scale": "laptop", "data": "b"}) == ["scale", "data"]
    assert keys.changed({"gone": "x"}, {}) == ["gone"]


def test_scale_and_data_enter_the_key(project: Path) -> None:
    assert keys.changed(parts(project), parts(project, scale="laptop")) == ["scale"]
    assert keys.changed(parts(project), parts(project, manifest="other")) == ["data"]


def test_the_runner_and_the_interpreter_enter_the_key(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = parts(project)
    monkeypatch.setattr(keys.platform, "python_version", lambda: "3.99.0")
    runner = project / "run_notebook.py"
    runner.write_text("changed = True\n")
    monkeypatch.setattr(keys, "RUNNER", runner)
    assert set(keys.changed(before, parts(project))) == {"python", "runner"}


def test_a_renamed_file_changes_the_hash(project: Path) -> None:
    file = project / "segkit" / "a.py"
    append(file, "x = 1\n")
    before = parts(project)
    file.rename(project / "segkit" / "b.py")
    assert keys.changed(before, parts(project)) == ["library"]


def test_no_data_is_called_phantom(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path))
    assert keys.data_manifest() == keys.NO_DATA


def test_data_that_point_nowhere_are_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(BookError, match="nowhere"):
        keys.data_manifest()
