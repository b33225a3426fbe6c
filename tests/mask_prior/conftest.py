"""Real scans where the machine has them, phantoms everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from segkit.data import describe, load_split, phantom
from segkit.data.case import Case
from segkit.data.locations import root_below
from segkit.data.reading import read_all
from tests.helpers.threads import one_thread as one_thread

_DEFAULT = Path(__file__).parents[3] / "shared" / "data"
REAL = Path(os.environ.get("SEGKIT_DATA") or _DEFAULT).absolute()
GROUNDS = ["phantom", "real"] if REAL.is_dir() else ["phantom"]


@lru_cache(maxsize=4)
def _real(name: str, n: int) -> tuple[Case, ...]:
    dataset = describe(name)
    root = root_below(dataset, REAL)
    assert root is not None, f"{name} is not below {REAL}"
    groups = load_split(name).train
    sources = [source for source in dataset.find(root) if source.group in groups]
    return tuple(read_all(dataset, sources[:n]))


@lru_cache(maxsize=4)
def _phantoms(name: str, n: int) -> tuple[Case, ...]:
    return tuple(phantom(describe(name).phantom, seed) for seed in range(min(n, 2)))


@pytest.fixture(params=GROUNDS)
def cases_of(request: pytest.FixtureRequest) -> Callable[[str, int], tuple[Case, ...]]:
    """`cases_of(name, n)`: training cases of a set, phantoms in one round and real scans in another."""
    return _real if request.param == "real" else _phantoms
