"""`segkit experiment` as a user types it."""

from __future__ import annotations

import json

import pytest
import tiny
from fakes import fake_record, with_mean

from segkit import cli
from segkit.commands import experiment
from segkit.errors import ConfigError
from segkit.experiments import append_records, plans, read_records


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """An empty project as working directory, and the tiny experiment as the only plan."""
    (tmp_path / "_toc.yml").touch()
    (tmp_path / "book").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plans, "find_plan", lambda name: tiny.PLAN, raising=False)
    monkeypatch.setattr(plans, "plan_names", lambda: ["chapter/trial"], raising=False)
    return tmp_path


@pytest.fixture
def recorded(project):
    """Six finished draws of two arms."""
    pairs = [
        (arm, draw, mean + 0.001 * draw)
        for draw in range(6)
        for arm, mean in (("plain", 0.8), ("other", 0.78))
    ]
    records = [fake_record(arm, draw, with_mean(mean)) for arm, draw, mean in pairs]
    append_records(project / "book" / "results" / "chapter" / "trial.jsonl", records)


def segkit(*words: str) -> int:
    return cli.main(["experiment", *words])


def test_run_table_and_list_from_nothing_to_rows(project, capsys):
    words = [
        "run",
        "chapter/trial",
        "--arms",
        "plain,weighted",
        "--draws",
        "0-1",
        "--setting",
        "n_labelled=2",
    ]
    assert segkit(*words, "--device", "cpu", "--json") == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 4
    assert captured.err.count("\n") == 4
    assert "[4/4] weighted draw 1 n_labelled=2 dice 0." in captured.err
    assert len(read_records(project / "book" / "results" / "chapter" / "trial.jsonl")) == 4

    assert segkit(*words, "--device", "cpu") == 0  # nothing left to do
    assert capsys.readouterr().err == ""

    assert segkit("table", "chapter", "--metric", "dice", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["arm"], row["seeds"], row["baseline"]) for row in rows] == [
        ("plain", 2, None),
        ("weighted", 2, "plain"),
    ]

    assert segkit("list") == 0
    assert "chapter/trial" in (shown := capsys.readouterr().out)
    assert "4 of   18 runs" in shown


def test_tables_in_words_one_block_per_metric(recorded, capsys):
    assert segkit("table", "chapter/trial") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("chapter/trial, hippocampus, dice, 4 labelled patients\n")
    assert "−0.020" in shown


def test_power_says_how_many_draws(recorded, capsys):
    assert segkit("power", "chapter", "--effect", "0.02") == 0
    assert "other − plain = -0.0200 (sd" in capsys.readouterr().out
    assert segkit("power", "chapter", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["draws"] == 6


def test_plot_writes_a_file_in_the_format_of_its_name(recorded, project, capsys):
    assert segkit("plot", "chapter/trial", "-o", "figure.svg") == 0
    assert (project / "figure.svg").read_text().lstrip().startswith("<?xml")
    assert segkit("plot", "chapter/trial", "-o", "figure.docx") == 2
    assert "docx" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run"], "name a plan, or give --packed"),
        (["run", "chapter/trial", "--draws", "a-b"], "--draws takes numbers and ranges"),
        (["run", "chapter/trial", "--setting", "n_labelled"], "--setting takes key=value"),
        (["run", "chapter/trial", "--setting", "n_labelled=3"], "nothing to run"),
        (["run", "chapter/trial", "--part", "tset"], "did you mean 'test'?"),
        (["table", "no_such_chapter"], "no run records under 'no_such_chapter'"),
        (["tabel"], "unknown action 'tabel': did you mean 'table'?"),
        (["run", "--jobs", "many"], "invalid int value: 'many'"),
    ],
)
def test_mistakes_get_one_sentence(words, sentence, capsys):
    assert segkit(*words) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_validation_runs_stay_out_of_the_table(recorded, project, capsys):
    file = project / "book" / "results" / "chapter" / "trial.jsonl"
    append_records(file, [fake_record("plain", 7, part="validation")])
    assert segkit("table", "chapter", "--part", "validation", "--json") == 0
    assert [row["seeds"] for row in json.loads(capsys.readouterr().out)] == [1]
    assert segkit("table", "chapter", "--json") == 0
    assert [row["seeds"] for row in json.loads(capsys.readouterr().out)] == [6, 6]


def test_draws_are_numbers_and_ranges():
    assert experiment.parse_draws("3,0-2,9") == [3, 0, 1, 2, 9]
    with pytest.raises(ConfigError):
        experiment.parse_draws("1-")
