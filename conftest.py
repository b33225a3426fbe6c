"""Settings of every test run: reproducible property tests, one thread per worker."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Property tests draw the same examples on every machine; a slow machine is no failure.
settings.register_profile("book", deadline=None, derandomize=True)
settings.load_profile("book")

os.environ.setdefault("MPLBACKEND", "agg")


@pytest.fixture(scope="session", autouse=True)
def _one_thread_per_worker() -> None:
    """Two workers on two cores: a thread pool of each for both cores would make them slower than one."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        import torch

        torch.set_num_threads(1)
