"""A finished run as one small file, and the tables that a page makes of such files."""

from __future__ import annotations

import json
import sys

import pytest

from segkit import cli
from segkit.recipes import RECIPES
from segkit.recipes.keeping import as_table, cost_rows, read_run_records, result_rows


@pytest.fixture
def kept(train, tmp_path, monkeypatch):
    """The record of a run of two updates."""
    run, file = tmp_path / "run", tmp_path / "records" / "supervised-toy.json"
    monkeypatch.setattr(sys, "argv", ["segkit", "train", "supervised", "--out", str(run)])
    assert train("supervised", "--out", str(run)) == 0
    assert cli.main(["test", str(run), "--accelerator", "cpu", "--record", str(file)]) == 0
    return run, file


def test_a_record_holds_what_was_done_and_found(kept, volumes):
    run, file = kept
    record = json.loads(file.read_text())
    training = record["trainings"]["supervised"]
    assert record["recipe"] == "supervised" and record["data"]["cases"]["test"] == 2
    assert training["updates"] == 2 and training["cpu_seconds"] > 0 and training["memory_mb"] > 0
    assert (
        training["command"].startswith("segkit train supervised --out ")
        and str(run.parent) not in file.read_text()
    )
    assert len(record["test"]["values"]["dice"]["anterior"]) == len(record["test"]["cases"]) == 2
    assert record["test"]["cpu_seconds"] > 0
    found = json.loads((run / "test" / "results.json").read_text())
    assert record["test"]["rows"] == found["rows"]


def test_going_on_with_a_finished_run_keeps_its_record(kept, train):
    run, _ = kept
    before = (run / "run.json").read_text()
    assert train("supervised", "--out", str(run), "--no-test", "--resume") == 0
    assert (run / "run.json").read_text() == before


def test_tables_name_what_was_not_run(kept):
    records = read_run_records(kept[1].parent)
    rows = {row["recipe"]: row for row in cost_rows(records)}
    assert list(rows) == list(RECIPES)
    assert " s + " in rows["supervised"]["toy"] and "GiB" in rows["supervised"]["toy"]
    assert rows["supervised"]["full"] == rows["loss_envelope"]["toy"] == "not yet run"
    structures = [row["class"] for row in result_rows(records, "toy")]
    assert structures == ["anterior", "posterior", "mean"]
    assert result_rows(records, "full") == []
    assert (
        as_table(result_rows(records, "toy")).splitlines()[0].startswith("| recipe | data | class | Dice |")
    )


def test_a_run_without_a_finished_training_has_no_record(kept, tmp_path, capsys):
    run, _ = kept
    (run / "run.json").write_text('{"trainings": {}}')
    assert cli.main(["test", str(run), "--accelerator", "cpu", "--record", str(tmp_path / "x.json")]) == 2
    assert "no training in" in capsys.readouterr().err
