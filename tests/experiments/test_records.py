"""Records on disk: whole lines, no duplicates, no mixture, whatever happens to the writer."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes import fake_record

from segkit.errors import ConfigError, DataError
from segkit.experiments import append_records, read_records, record_key, validate_record
from segkit.experiments.records import results_folder

REPOSITORY = Path(__file__).parents[2]
COMMITTED = sorted((REPOSITORY / "book" / "results").rglob("*.jsonl"))


def test_every_committed_record_is_valid_and_unique():
    for file in COMMITTED:
        records = read_records(file)
        assert len({record_key(record) for record in records}) == len(records), file.name
        assert {f"{r['slug']}/{r['experiment']}" for r in records} == {f"{file.parent.name}/{file.stem}"}


def test_written_records_come_back_in_order(tmp_path):
    file = tmp_path / "deep" / "trial.jsonl"
    records = [fake_record(draw=draw) for draw in (2, 0, 1)]
    assert append_records(file, records) == 3
    assert read_records(file) == records == read_records(tmp_path / "deep")


def test_a_run_is_written_once(tmp_path):
    file = tmp_path / "trial.jsonl"
    append_records(file, [fake_record(draw=0)])
    again = fake_record(draw=0, finished="2026-11-21T12:00:00Z")
    assert append_records(file, [again, fake_record(draw=1)]) == 1
    assert [r["draw"] for r in read_records(file)] == [0, 1]
    assert read_records(file)[0]["finished"] == "2026-11-20T12:00:00Z"


@pytest.mark.parametrize("cut", [1, 40, 900])
def test_a_line_cut_off_by_a_kill_is_dropped_and_overwritten(tmp_path, cut):
    file = tmp_path / "trial.jsonl"
    append_records(file, [fake_record(draw=0), fake_record(draw=1)])
    file.write_bytes(file.read_bytes()[:-cut])
    assert [r["draw"] for r in read_records(file)] == [0]
    append_records(file, [fake_record(draw=1), fake_record(draw=2)])
    assert [r["draw"] for r in read_records(file)] == [0, 1, 2]


def test_a_damaged_line_in_the_middle_is_an_error_with_its_number(tmp_path):
    file = tmp_path / "trial.jsonl"
    append_records(file, [fake_record(draw=0), fake_record(draw=1)])
    first, second = file.read_text().splitlines()
    file.write_text(f"{first}\n{second[:50]}\n{second}\n")
    with pytest.raises(DataError, match=r"trial\.jsonl, line 2"):
        read_records(file)


def test_many_writers_lose_nothing(tmp_path):
    file = tmp_path / "trial.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda draw: append_records(file, [fake_record(draw=draw)]), [*range(12), *range(12)]))
    assert sorted(r["draw"] for r in read_records(file)) == list(range(12))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data": "f" * 16}, "runs of other prepared data"),
        ({"plan": "f" * 12}, "runs of another version of the plan"),
        ({"split": "f" * 16}, "runs of another split"),
    ],
)
def test_runs_of_another_origin_are_not_mixed(tmp_path, change, sentence):
    file = tmp_path / "trial.jsonl"
    append_records(file, [fake_record(draw=0)])
    with pytest.raises(DataError, match=sentence):
        append_records(file, [fake_record(draw=1, **change)])
    assert len(read_records(file)) == 1


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        (lambda r: r.pop("seed"), "'seed' is a required property"),
        (lambda r: r.update(host="a name"), "host"),
        (lambda r: r.update(part="train"), "part"),
        (lambda r: r["machine"].update(host="a name"), "machine"),
        (lambda r: r["seconds"].update(train=-1), r"seconds\.train"),
        (lambda r: r.update(command="/opt/python run.py"), "command"),
        (lambda r: r["evaluation"]["metrics"]["dice"].pop(), r"metrics\.dice must hold 3 × 2 values"),
        (
            lambda r: r["evaluation"]["metrics"]["dice"][0].append(0.5),
            r"metrics\.dice must hold 3 × 2 values",
        ),
    ],
)
def test_a_wrong_record_is_refused_and_the_place_named(damage, where, tmp_path):
    record = fake_record()
    damage(record)
    with pytest.raises(DataError, match=where):
        validate_record(record)
    with pytest.raises(DataError):
        append_records(tmp_path / "trial.jsonl", [record])
    assert not (tmp_path / "trial.jsonl").exists() or read_records(tmp_path / "trial.jsonl") == []


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"trial\.jsonl cannot be written"):
        append_records(tmp_path / "file" / "trial.jsonl", [fake_record()])


def test_numbers_that_json_does_not_know_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_records(tmp_path / "trial.jsonl", [fake_record(values=[[float("nan"), 0.5]])])
    assert read_records(tmp_path / "trial.jsonl") == []


def test_names_are_found_in_the_results_of_the_project(tmp_path, monkeypatch):
    (tmp_path / "_toc.yml").touch()
    (tmp_path / "book").mkdir()
    inside = tmp_path / "book" / "chapter"
    inside.mkdir()
    monkeypatch.chdir(inside)
    assert results_folder() == tmp_path / "book" / "results"
    append_records(results_folder() / "chapter" / "trial.jsonl", [fake_record()])
    assert len(read_records("chapter")) == len(read_records("chapter/trial")) == 1
    with pytest.raises(ConfigError, match="no run records under 'other'"):
        read_records("other")


def test_the_key_tells_runs_apart():
    same = {
        record_key(fake_record(setting={"a": 1, "b": 2})),
        record_key(fake_record(setting={"b": 2, "a": 1})),
    }
    assert len(same) == 1
    changed = [
        {"draw": 1},
        {"arm": "other"},
        {"part": "validation"},
        {"setting": {"n_labelled": 8}},
        {"slug": "x"},
    ]
    assert (
        len({record_key(fake_record()) for _ in "ab"} | {record_key(fake_record(**c)) for c in changed}) == 6
    )


def test_one_record_is_one_line(tmp_path):
    append_records(tmp_path / "trial.jsonl", [fake_record()])
    (line,) = (tmp_path / "trial.jsonl").read_text().splitlines()
    assert json.loads(line) == fake_record()
