from __future__ import annotations

import math

import pytest

from segkit.errors import ConfigError, SegkitError
from segkit.train import History, TrainingError
from segkit.train.history import check_finite

ROWS = [
    {"iteration": 0, "total": 2.0, "lr": 0.1},
    {"iteration": 1, "total": 1.0, "lr": 0.1, "validation.dice": 0.5},
]


def test_columns_and_series():
    history = History(ROWS)
    assert history.column("total") == [2.0, 1.0]
    assert history.series("validation.dice") == ([1], [0.5])
    assert history.names == ["iteration", "total", "lr", "validation.dice"]
    assert len(history) == 2
    assert [row["total"] for row in history] == [2.0, 1.0]


def test_an_unknown_column_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'total'"):
        History(ROWS).column("totl")


def test_json_there_and_back(tmp_path):
    history = History(ROWS, seconds=1.5)
    text = history.to_json(tmp_path / "history.json")
    assert History.from_json(text) == history
    assert (tmp_path / "history.json").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_term_that_is_not_finite_is_named_before_the_total(bad):
    row = {"iteration": 7, "total": bad, "consistency": bad, "dice": 0.3}
    with pytest.raises(TrainingError, match=f"'consistency' became {bad} in iteration 7: .*; kept there$"):
        check_finite(row, "kept there")
    assert issubclass(TrainingError, SegkitError)


def test_finite_rows_pass():
    check_finite(ROWS[0], "")
