"""A page that runs on phantoms says so, and one that has its data set does not."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from tests.site.conftest import BUILD
from tools.keys import NO_DATA, data_manifest
from tools.toc import Page, pages

HOME = Path(__file__).resolve().parents[2]
CHAPTERS = [page for page in pages(HOME) if page.is_notebook]
NOTICE = "Phantoms, not patients"
FALLBACK = re.compile(r"\bload_or_phantom\(\s*[\"'](\w+)[\"']")


def manifest_of(page: Page) -> str:
    record = BUILD / "executed" / f"{page.name}.json"
    return json.loads(record.read_text())["parts"]["data"]


def fallbacks(page: Page) -> list[str]:
    """Names of the data sets that the page loads or replaces by phantoms."""
    notebook = nbformat.read(page.path, 4)
    return FALLBACK.findall("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"))


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda p: p.slug)
def test_phantoms_are_declared(site: Path, page: Page) -> None:
    if not fallbacks(page):
        return
    text = (
        BeautifulSoup((site / f"{page.name}.html").read_text(), "html.parser").select_one("main").get_text()
    )
    if manifest_of(page) == NO_DATA:
        assert NOTICE in text
    elif os.environ.get("SEGKIT_DATA"):
        assert NOTICE not in text


def test_the_build_tells_what_it_ran_on(site: Path) -> None:
    text = (site / "book" / "how_to_use.html").read_text()
    assert ("none of the data sets is on the machine" in text) is (data_manifest() == NO_DATA)
