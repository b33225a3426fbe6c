"""Real data where the machine has them, tiny data in the same layouts everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from segkit.data import download
from segkit.data.case import Case
from segkit.data.locations import root_below
from segkit.data.reading import read_all
from segkit.data.registry import describe
from tests.data.layouts import WRITERS
from tests.data.server import Server, serving

_DEFAULT = Path(__file__).parents[3] / "shared" / "data"
REAL = Path(os.environ.get("SEGKIT_DATA") or _DEFAULT).absolute()
GROUNDS = ["layout", "real"] if REAL.is_dir() else ["layout"]


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no data folder, no download."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEGKIT_OFFLINE", "1")
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    return tmp_path / "cache"


@lru_cache(maxsize=1)  # the real sets together fill gigabytes, and tests come set by set
def _read_once(name: str, root: Path) -> tuple[Case, ...]:
    dataset = describe(name)
    found = root_below(dataset, root)
    assert found is not None, f"{name} is not below {root}"
    return tuple(read_all(dataset, dataset.find(found)))


@pytest.fixture(scope="session", params=GROUNDS)
def cases_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """`cases_of(name)`: every case of a set, from a tiny layout and, where there are any, from real data."""

    def read(name: str) -> tuple[Case, ...]:
        if request.param == "real":
            return _read_once(name, REAL)
        root = tmp_path_factory.getbasetemp() / "layouts" / name
        return _read_once(name, root if root.exists() else WRITERS[name](root))

    read.real = request.param == "real"
    return read


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A local web server; downloads are allowed and do not pause between attempts."""
    monkeypatch.delenv("SEGKIT_OFFLINE", raising=False)
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    with serving() as server:
        yield server
