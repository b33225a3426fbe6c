"""From sources to pages, and what must stop it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.tools.conftest import code, write_notebook
from tools import book
from tools.html import BUILT
from tools.toc import BookError

DRAWING = "import matplotlib.pyplot as plt\nplt.plot([0, 1])\nplt.show()"
ALT, CAPTION = "A straight line from zero to one", "The line **rises**."


def build(project: Path, no_data: Callable[[], str]) -> Path:
    return book.build_book(project, project / "_build", scale="toy", jobs=1, manifest=no_data)


def test_alt_text_and_caption_of_a_cell_reach_the_page(
    project: Path, no_data: Callable[[], str], capfd: pytest.CaptureFixture[str]
) -> None:
    figure = {"image": {"alt": ALT}, "figure": {"caption": CAPTION, "name": "fig-line"}}
    write_notebook(project / "book" / "demo.ipynb", code(DRAWING, "draw", mystnb=figure))
    front = build(project, no_data)
    assert front == project / "_build" / "html" / "book" / "intro.html"
    assert f"Open {front}" in capfd.readouterr().out
    page = BeautifulSoup((front.parent / "demo.html").read_text(), "html.parser")
    image = page.select_one("main figure img")
    assert image["alt"] == ALT
    assert "Figure 1" in page.select_one("main figcaption").get_text()
    assert "rises" in page.select_one("main figcaption strong").get_text()
    assert "colab.research.google.com/github/" in str(page), "the launch button"
    assert not [s["src"] for s in page.find_all("script", src=True) if s["src"].startswith("http")]

    # A changed style reaches the pages although no page changed, and nothing is executed for it.
    (project / "book" / "_static" / "book.css").write_text("main { color: teal }")
    build(project, no_data)
    assert "Executed 0 of 1" in capfd.readouterr().out
    assert "teal" in (front.parents[1] / "_static" / "book.css").read_text()


FAULTS = {
    "{doc}`/book/nowhere`": "unknown document",
    "{cite}`nobody1900`": "nobody1900",
    "![a picture](_static/none.png)": "none.png",
}


def test_a_fault_in_a_page_stops_every_build(
    project: Path, no_data: Callable[[], str], capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "book" / "intro.md").write_text("# Start\n\n" + "\n\n".join(FAULTS))
    for _ in range(2):  # Sphinx says nothing about a page that it does not read again
        with pytest.raises(BookError, match="not complete"):
            build(project, no_data)
        said = capfd.readouterr().err
        assert [message for message in FAULTS.values() if message not in said] == []
        assert not (project / "_build" / "html" / BUILT).exists()


def test_a_stray_message_on_a_page_stops_the_build(project: Path, no_data: Callable[[], str]) -> None:
    write_notebook(project / "book" / "demo.ipynb", code("import sys; print('hm', file=sys.stderr)", "stray"))
    with pytest.raises(BookError, match="not complete"):
        build(project, no_data)


def test_the_command_line_tells_a_fault_in_words(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(book, "HOME", project)
    monkeypatch.setenv("SEGKIT_DATA", "nowhere/at/all")
    (project / "book" / "intro.md").unlink()
    assert book.main(["--build", str(project / "_build")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("_toc.yml lists book/intro") and "Traceback" not in said
