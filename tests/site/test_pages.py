"""Every built page in a browser: alone, in light and dark, on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page

from tests.site import checks
from tools.toc import toc_names

HOME = Path(__file__).resolve().parents[2]
PAGES = [f"{name}.html" for name in toc_names(HOME)]
SYSTEM_PAGES = ["search.html", "genindex.html"]


def visit(page: Page, url: str, *, until: Literal["load", "networkidle"] = "load") -> checks.Watch:
    """Open a page and wait until it is loaded, or until nothing loads any more, and every formula is set."""
    watch = checks.Watch(page)
    page.goto(url, wait_until=until)
    page.wait_for_function(
        "() => !window.MathJax?.startup?.promise || MathJax.startup.promise.then(() => true)"
    )
    return watch


@pytest.mark.parametrize("name", PAGES)
def test_source_of_the_page(site: Path, name: str) -> None:
    html = (site / name).read_text()
    faults = checks.vague_alts(html) + checks.bare_figures(html) + checks.stray_output(html)
    assert faults + checks.dead_links(site, name, html, {}) == []
    assert str(HOME) not in html, "a path of the machine that built it"


@pytest.mark.parametrize("name", [*PAGES, *SYSTEM_PAGES])
def test_loads_alone_and_without_complaint(page: Page, address: str, name: str) -> None:
    watch = visit(page, f"{address}/{name}", until="networkidle")
    assert watch.foreign == [], "a page must need no network"
    assert watch.missing == [] and watch.complaints == []
    assert page.locator("mjx-merror, .MathJax_Error").count() == 0
    formulas = page.locator("main .math").count()
    assert page.locator("main .math mjx-container").count() >= formulas, "formulas are set"
    assert checks.still_frames(page) == []


@pytest.mark.parametrize("name", [*PAGES, *SYSTEM_PAGES])
def test_legible_in_light_and_dark(page: Page, address: str, name: str) -> None:
    visit(page, f"{address}/{name}")
    faults = []
    for theme in ("light", "dark"):
        checks.set_theme(page, theme)
        faults += [f"{theme}: {fault}" for fault in checks.axe_faults(page) + checks.faint_figures(page)]
    assert faults == []


@pytest.mark.parametrize("name", [*PAGES, *SYSTEM_PAGES])
def test_fits_a_phone(page: Page, address: str, name: str) -> None:
    page.set_viewport_size(checks.PHONE)
    visit(page, f"{address}/{name}")
    assert checks.overflow(page) == []
    assert page.locator("main h1:visible").count() == 1


def test_the_address_of_the_site_leads_to_the_book(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    page.wait_for_url(f"{address}/{PAGES[0]}")
    assert "Five Ideas" in page.locator("h1:visible").inner_text()


def test_the_button_changes_the_theme(page: Page, address: str) -> None:
    visit(page, f"{address}/{PAGES[0]}")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    seen = {page.evaluate(ground)}
    for _ in range(3):
        page.locator("button.theme-switch-button:visible").first.click()
        seen.add(page.evaluate(ground))
    assert len(seen) == 2, "one ground for light and one for dark"


def test_search_works_without_a_network(page: Page, address: str) -> None:
    watch = visit(page, f"{address}/search.html?q=anisotropic")
    page.wait_for_selector("#search-results li a")
    found = page.locator("#search-results li a").evaluate_all("links => links.map(a => a.href)")
    assert any("glossary" in link for link in found)
    assert watch.foreign == []


def test_formulas_are_set_and_numbered(page: Page, address: str) -> None:
    visit(page, f"{address}/book/notation.html")
    assert page.locator("main mjx-container").count() > 30
    assert page.locator("main .math mjx-container").first.bounding_box()["height"] > 5
    assert page.locator("span.eqno").first.inner_text().startswith("(1)")
