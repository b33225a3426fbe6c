from dataclasses import replace
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch

from segkit.data.case import Case
from segkit.data.dataset import Source
from segkit.data.reading import read_all
from segkit.data.registry import describe
from segkit.errors import DataError


def test_cases_come_in_the_order_of_their_sources_and_in_parallel(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    together = Barrier(2, timeout=20)  # breaks unless two are read at once

    def read(source):
        together.wait()
        return Case(torch.zeros(1, 2, 2), None, None, np.eye(4), source.id, source.group)

    sources = [Source(f"c{n}", "g", ()) for n in range(6)]
    cases = read_all(replace(describe("hc18"), read=read), sources)
    assert [case.id for case in cases] == [source.id for source in sources]


def test_what_a_reader_returns_is_validated():
    def read(source):
        return Case(torch.full((1, 2, 2), float("nan")), None, None, np.eye(4), source.id, source.group)

    with pytest.raises(DataError, match="c0: 4 voxels are NaN"):
        read_all(replace(describe("hc18"), read=read), [Source("c0", "g", ())])


def test_a_missing_file_is_named_before_it_is_read():
    with pytest.raises(DataError, match=r"nowhere.png is missing, so c0 is incomplete: fetch hc18 again"):
        read_all(describe("hc18"), [Source("c0", "g", (Path("nowhere.png"),))])
