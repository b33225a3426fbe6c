"""From sources to pages, and what must stop it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.tools.conftest import code, write_notebook
from tools import book
from tools.html import BUILT

HOME = Path(__file__).resolve().parents[2]
DRAWING = "import matplotlib.pyplot as plt\nplt.plot([0, 1])\nplt.show()"
ALT, CAPTION = "A straight line from zero to one", "The line **rises**."
# A process for each build, as `make book` has: a second build in one process finds more to do than it should.
BUILD = """
import sys
from pathlib import Path
from tools import book
from tools.toc import BookError

project = Path(sys.argv[1])
try:
    book.build_book(project, project / "_build", scale="toy", jobs=1, manifest=lambda: "phantom")
except BookError as problem:
    sys.exit(str(problem))
"""


def build(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BUILD, str(project)]
    return subprocess.run(command, cwd=HOME, capture_output=True, text=True)


def test_alt_text_and_caption_of_a_cell_reach_the_page(project: Path) -> None:
    figure = {"image": {"alt": ALT}, "figure": {"caption": CAPTION, "name": "fig-line"}}
    write_notebook(project / "book" / "demo.ipynb", code(DRAWING, "draw", mystnb=figure))
    pages = project / "_build" / "html" / "book"
    done = build(project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"Open {pages / 'intro.html'}\n")
    page = BeautifulSoup((pages / "demo.html").read_text(), "html.parser")
    image = page.select_one("main figure img")
    assert image["alt"] == ALT
    assert "Figure 1" in page.select_one("main figcaption").get_text()
    assert "rises" in page.select_one("main figcaption strong").get_text()
    assert "colab.research.google.com/github/" in str(page), "the launch button"
    assert not [s["src"] for s in page.find_all("script", src=True) if s["src"].startswith("http")]

    # A changed style reaches the pages although no page changed, and nothing is executed for it.
    (project / "book" / "_static" / "book.css").write_text("main { color: teal }")
    assert "Executed 0 of 1" in build(project).stdout
    assert "teal" in (pages.parent / "_static" / "book.css").read_text()


FAULTS = {
    "{doc}`/book/nowhere`": "unknown document",
    "{cite}`nobody1900`": "nobody1900",
    "![a picture](_static/none.png)": "none.png",
}


def test_faults_in_a_page_stop_the_build(project: Path) -> None:
    (project / "book" / "intro.md").write_text("# Start\n\n" + "\n\n".join(FAULTS))
    done = build(project)
    assert done.returncode == 1 and "not complete" in done.stderr
    assert [message for message in FAULTS.values() if message not in done.stderr] == []
    assert not (project / "_build" / "html" / BUILT).exists()


def test_a_fault_is_not_forgotten(project: Path) -> None:
    """Sphinx says nothing about a page that it does not read again."""
    (project / "book" / "intro.md").write_text("# Start\n\n#### A heading out of turn\n")
    for _ in range(2):
        done = build(project)
        assert done.returncode == 1 and "Non-consecutive header level" in done.stderr


def test_a_stray_message_on_a_page_stops_the_build(project: Path) -> None:
    write_notebook(project / "book" / "demo.ipynb", code("import sys; print('hm', file=sys.stderr)", "stray"))
    done = build(project)
    assert done.returncode == 1 and "not complete" in done.stderr


def test_the_command_line_tells_a_fault_in_words(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(book, "HOME", project)
    (project / "book" / "intro.md").unlink()
    assert book.main(["--build", str(project / "_build")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("_toc.yml lists book/intro") and "Traceback" not in said
