"""The bench of training runs, and its two sides do the same thing."""

from __future__ import annotations

import pytest

from segkit.bench import train
from segkit.bench._hippocampus import mean_dice, quick_hippocampus, read_cases
from segkit.bench._monai_pipeline import LOOK_EVERY, monai_pipeline
from segkit.bench.timing import Row


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return train.phantom_files(tmp_path_factory.mktemp("phantoms"))


def test_rows(files):
    rows = train.rows(files, files[:1], files[:1], updates=1, most=1, repeats=1)
    assert [row.keys() for row in rows] == [Row.__annotations__.keys()] * 3
    assert [row["target"] for row in rows] == [0.5, None, None]
    for row in rows:
        assert row["ratio"] == pytest.approx(row["ours_ms"] / row["peer_ms"])
    assert "1 updates, test Dice 0." in rows[0]["operation"]
    assert "constant rate: 1 updates" in rows[0]["peer"]


def test_the_constant_rate_stops_when_it_is_good_enough(files):
    asked = []

    def reached(predict):
        asked.append(predict)
        return True

    trained = monai_pipeline(files, updates=LOOK_EVERY + 5, reached=reached)
    assert (trained.updates, len(asked)) == (LOOK_EVERY, 1)


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", [quick_hippocampus, monai_pipeline])
def test_both_sides_learn(files, pipeline):
    cases = read_cases(files)
    little, much = (mean_dice(pipeline(files, updates=n).predict, cases) for n in (1, 40))
    assert much > little + 0.3


def test_two_good_looks_in_a_row_are_asked_for(monkeypatch):
    found = iter([0.86, 0.84, 0.85, 0.9])
    monkeypatch.setattr(train, "mean_dice", lambda predict, cases: next(found))
    reached = train.steadily_good([])
    assert [reached(None) for _ in range(4)] == [False, False, False, True]
