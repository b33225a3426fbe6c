"""What changed is executed, what did not is not, and an error is never kept as done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.tools.conftest import code, write_notebook
from tools.execute import Store, execute, reason
from tools.toc import BookError, Page, pages


def run(project: Path, no_data: Callable[[], str], *, scale: str = "toy") -> list[str]:
    notebooks = [page for page in pages(project) if page.is_notebook]
    done = execute(project, project / "_build", notebooks, scale=scale, manifest=no_data)
    return [page.name for page in done]


def outputs(project: Path, name: str = "demo") -> str:
    notebook = nbformat.read(project / "_build" / "executed" / "book" / f"{name}.ipynb", 4)
    return "".join(out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", []))


def test_executes_once_and_again_after_a_change(project: Path, no_data: Callable[[], str]) -> None:
    assert run(project, no_data) == ["book/demo"]
    assert outputs(project) == "toy\n"
    assert run(project, no_data) == []
    (project / "segkit" / "__init__.py").write_text("changed = True\n")
    assert run(project, no_data) == ["book/demo"]
    assert run(project, no_data, scale="laptop") == ["book/demo"]
    assert outputs(project) == "laptop\n"


def test_the_record_tells_time_and_memory(project: Path, no_data: Callable[[], str]) -> None:
    run(project, no_data)
    record = Store(project / "_build").read(pages(project)[1])
    assert record["error"] is None
    assert 0 < record["seconds"] < 100
    assert 20 < record["peak_mb"] < 4000


def test_nothing_of_this_machine_stays_in_the_copy(project: Path, no_data: Callable[[], str]) -> None:
    run(project, no_data)
    text = (project / "_build" / "executed" / "book" / "demo.ipynb").read_text()
    assert str(project) not in text and "papermill" not in json.loads(text)["metadata"]


def test_a_broken_page_is_told_and_not_kept(
    project: Path, no_data: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(project / "book" / "other.ipynb", code("print('fine')", "fine"))
    write_notebook(
        project / "book" / "demo.ipynb", code("1 + 1", "one"), code("raise ValueError('no luck')", "bad")
    )
    with (project / "_toc.yml").open("a") as toc:
        toc.write("  - file: book/other\n")
    for _ in range(2):  # an error is not remembered as done
        with pytest.raises(BookError, match=r"book/demo\.ipynb, cell 4 \(id bad\): ValueError: no luck"):
            run(project, no_data)
    store = Store(project / "_build")
    demo, other = pages(project)[1:]
    assert not store.copy(demo).is_file() and store.failed(demo).is_file()
    assert store.copy(other).is_file(), "the other page is kept"
    write_notebook(project / "book" / "demo.ipynb", code("print('repaired')", "bad"))
    assert run(project, no_data) == ["book/demo"]


def test_a_killed_kernel_is_one_sentence(project: Path, no_data: Callable[[], str]) -> None:
    write_notebook(project / "book" / "demo.ipynb", code("import os; os.kill(os.getpid(), 9)", "die"))
    with pytest.raises(BookError, match=r"book/demo\.ipynb, .*died"):
        run(project, no_data)


def test_a_page_that_fetches_data_depends_on_what_it_fetched(project: Path) -> None:
    answers = iter(["phantom", "fetched"])
    notebooks = [pages(project)[1]]
    assert execute(project, project / "_build", notebooks, scale="toy", manifest=lambda: next(answers))
    assert not execute(project, project / "_build", notebooks, scale="toy", manifest=lambda: "fetched")


def test_a_record_cut_off_counts_as_none(tmp_path: Path) -> None:
    store, page = Store(tmp_path), Page("book/demo", tmp_path / "demo.ipynb")
    store.copy(page).parent.mkdir(parents=True)
    store.copy(page).write_text("{}")
    store.record(page).write_text('{"parts": {"a"')
    assert reason(store, page, {"a": "1"}) == "not executed yet"
    store.record(page).write_text('{"parts": {"a": "1"}}')
    assert reason(store, page, {"a": "1"}) is None
    assert reason(store, page, {"a": "2"}) == "changed: a"
