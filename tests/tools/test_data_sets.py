"""Licences are shown on the terminal, not in a page, and no page tries a download."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from segkit.data import DATASETS, NotAvailable
from tests.tools.conftest import code, write_notebook
from tools.data_sets import fetch_missing
from tools.execute import execute
from tools.toc import BookError, pages

USES_A_SET = "from segkit.data import load_or_phantom\nprint(load_or_phantom('hippocampus').source)"


@pytest.fixture
def neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first build: no variable set, an empty cache, and no network."""
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    monkeypatch.setenv("SEGKIT_OFFLINE", "0")
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr("segkit.data.download.PAUSE_S", 0.0)


@pytest.mark.usefixtures("neither")
def test_a_first_build_without_any_variable_has_quiet_pages(
    project: Path, no_data: Callable[[], str]
) -> None:
    told: list[str] = []
    assert fetch_missing(told.append) == list(DATASETS)
    assert any("licence" in line.lower() for line in told)
    assert sum("Phantoms stand in for" in line for line in told) == len(DATASETS)
    assert os.environ["SEGKIT_OFFLINE"] == "1"

    write_notebook(project / "book" / "demo.ipynb", code(USES_A_SET, "use"))
    execute(project, project / "_build", [page for page in pages(project) if page.is_notebook],
            scale="toy", manifest=no_data)  # fmt: skip
    done = nbformat.read(project / "_build" / "executed" / "book" / "demo.ipynb", 4)
    streams = [out for cell in done.cells for out in cell.get("outputs", []) if out.output_type == "stream"]
    assert [(out.name, out.text) for out in streams] == [("stdout", "phantom\n")]


@pytest.mark.usefixtures("neither")
def test_what_can_be_had_is_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def prepare(name: str, *, say: Callable[[str], None]) -> Path:
        asked.append(name)
        if name == "hc18":
            raise NotAvailable("register first")
        return Path()

    monkeypatch.setattr("segkit.data.prepare", prepare)
    assert fetch_missing(lambda line: None) == ["hc18"]
    assert asked == list(DATASETS)


@pytest.mark.usefixtures("neither")
def test_a_wrong_folder_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGKIT_DATA", "nowhere")
    with pytest.raises(BookError, match="which is no folder"):
        fetch_missing(lambda line: None)
