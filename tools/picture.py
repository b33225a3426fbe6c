"""Take the picture of a page that README.md shows: `python -m tools.picture book/unet --at ANCHOR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tools.doctor import browser_complaint, find_browser

HOME = Path(__file__).resolve().parent.parent
PICTURE = HOME / "book" / "_static" / "page.png"
SIZE: ViewportSize = {"width": 1180, "height": 760}


def take(browser: Browser, page_file: Path, target: Path, *, anchor: str = "") -> None:
    """Save what a reader sees of a built page.

    Args:
        browser: a running Chromium.
        page_file: the HTML file.
        target: the PNG file.
        anchor: id of the element that is brought to the middle; the top of the page if empty.
    """
    page = browser.new_page(viewport=SIZE)
    page.goto(page_file.as_uri(), wait_until="networkidle")
    if anchor:
        page.locator(f"#{anchor}").evaluate("e => e.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(500)
    page.screenshot(path=str(target))
    page.close()


def main(arguments: list[str]) -> int:
    """`python -m tools.picture PAGE [--at ANCHOR] [--build FOLDER]`; the book must be built."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("page", help="a name of _toc.yml")
    parser.add_argument("--at", default="", metavar="ANCHOR")
    parser.add_argument("--build", type=Path, default=HOME / "_build")
    given = parser.parse_args(arguments)
    source = given.build.resolve() / "html" / f"{given.page}.html"
    complaint = browser_complaint()
    if complaint is None and not source.is_file():
        complaint = f"{given.page} has not been built; run `make book`"
    if complaint:
        print(complaint, file=sys.stderr)
        return 1
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"])
        take(browser, source, PICTURE, anchor=given.at)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
