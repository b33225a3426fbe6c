"""What every test run shares: reproducible property tests, one thread per worker, one browser."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from tools.doctor import browser_complaint, find_browser

# Property tests draw the same examples on every machine; a slow machine is no failure.
settings.register_profile("book", deadline=None, derandomize=True)
settings.load_profile("book")

os.environ.setdefault("MPLBACKEND", "agg")

# No sandbox, since CI runs as root; the others keep Chromium from looking up its maker's hosts.
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, headless; one per process, since Playwright's sync API allows no second."""
    complaint = browser_complaint()
    if complaint:
        pytest.fail(complaint, pytrace=False)
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=find_browser(), args=BROWSER_FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session", autouse=True)
def _one_thread_per_worker() -> None:
    """Two workers on two cores: a thread pool of each for both cores would make them slower than one."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        import torch

        torch.set_num_threads(1)
