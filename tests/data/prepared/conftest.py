"""A small prepared set."""

from __future__ import annotations

from pathlib import Path

import pytest

from segkit.data import Case, open_prepared, prepare_list
from tests.data.prepared.making import make_case, quiet


@pytest.fixture
def cases() -> list[Case]:
    return [make_case(number, (10 + number % 3, 9, 8)) for number in range(8)]


@pytest.fixture
def folder(cases, tmp_path) -> Path:
    return prepare_list(cases, tmp_path / "set", name="noise", modality="ct", say=quiet)


@pytest.fixture
def prepared(folder):
    return open_prepared(folder)
