"""A server for the built pages, and tabs of the shared browser to look at them with."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.site.checks import DESKTOP
from tools.html import BUILT

HOME = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD") or HOME / "_build").resolve()
SITE = BUILD / "html"


class Quiet(SimpleHTTPRequestHandler):
    """A file server that does not print every request."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(folder: Path) -> ThreadingHTTPServer:
    """Serve `folder` on a free port of the loopback address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built pages."""
    if not (SITE / BUILT).is_file():
        pytest.fail(
            f"The site tests need the built pages and {SITE} has none; run `make book`", pytrace=False
        )
    return SITE


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Where the built pages are served."""
    server = serve(site)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty tab with no memory of the last one."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", reduced_motion="reduce")
    yield context.new_page()
    context.close()
