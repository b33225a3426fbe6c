"""All runs of a plan: resumed, in parallel, never mixed with runs of another origin."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tiny

from segkit.errors import ConfigError, DataError
from segkit.experiments import execution, prepare, read_records, record_key, run_plan

PREPARED = prepare(tiny.PLAN)


def run(out, plan=tiny.PLAN, **options):
    """Some runs, and how many of them were new."""
    new = []
    options = {"prepared": PREPARED, "device": "cpu"} | options
    records = run_plan(plan, out=out, report=lambda record, *_: new.append(record), **options)
    return records, new


def test_finished_runs_are_skipped_and_missing_ones_added(tmp_path):
    out = tmp_path / "trial.jsonl"
    first, new = run(out, arms=["plain"], draws=[0], settings=[{"n_labelled": 2}])
    assert len(first) == len(new) == 1
    records, new = run(out, arms=["plain", "weighted"], draws=[0, 1], settings=[{"n_labelled": 2}])
    assert [(r["arm"], r["draw"]) for r in records] == [
        ("plain", 0), ("weighted", 0), ("plain", 1), ("weighted", 1),
    ]  # fmt: skip
    assert len(new) == 3
    assert records[0] == first[0]
    assert len(read_records(out)) == 4


def test_an_interrupted_experiment_keeps_what_is_finished(tmp_path):
    def stop(record, done, total):
        assert total == 18  # 3 draws × 2 settings × 3 arms
        if done == 4:
            raise KeyboardInterrupt

    out = tmp_path / "trial.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run_plan(tiny.PLAN, out=out, prepared=PREPARED, device="cpu", report=stop)
    kept = read_records(out)
    assert [(r["draw"], r["setting"]["n_labelled"], r["arm"]) for r in kept] == [
        (0, 2, "plain"), (0, 2, "weighted"), (0, 2, "again"), (0, 4, "plain"),
    ]  # fmt: skip
    _, new = run(out, draws=[0])
    assert len(new) == 2


def test_several_processes_give_the_records_of_one(tmp_path):
    chosen = {"draws": [0], "settings": [{"n_labelled": 2}]}
    alone, _ = run(tmp_path / "alone.jsonl", **chosen)
    together, new = run(tmp_path / "together.jsonl", jobs=2, **chosen)
    assert len(new) == 3
    for one, other in zip(alone, together, strict=True):
        assert record_key(one) == record_key(other)
        assert one["evaluation"] == other["evaluation"]
        assert one["history"] == other["history"]
        assert one["data"] == other["data"]


def test_functions_that_other_processes_cannot_import_are_named(tmp_path):
    hidden = replace(tiny.PLAN, batches=lambda draw: tiny.batches(draw))
    with pytest.raises(ConfigError, match="cannot run in several processes"):
        run(tmp_path / "trial.jsonl", plan=hidden, jobs=2, draws=[0])


def test_runs_of_another_version_are_refused_before_anything_is_computed(tmp_path, monkeypatch):
    out = tmp_path / "trial.jsonl"
    run(out, arms=["plain"], draws=[0])
    monkeypatch.setattr(execution, "run_one", None)
    with pytest.raises(DataError, match="another version of the plan"):
        run(out, plan=replace(tiny.PLAN, updates=7), arms=["plain"])
    with pytest.raises(DataError, match="other prepared data"):
        run(out, prepared=replace(PREPARED, digest="f" * 16), arms=["weighted"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"arms": ["plian"]}, "did you mean 'plain'"),
        ({"part": "train"}, "'validation' or 'test'"),
        ({"jobs": 0}, "at least 1"),
        ({"device": "tpu"}, "'auto', 'cpu' or 'cuda'"),
        ({"draws": []}, "nothing to run"),
        ({"settings": []}, "nothing to run"),
    ],
)
def test_what_makes_no_sense_is_refused(options, sentence, tmp_path):
    with pytest.raises(ConfigError, match=sentence):
        run(tmp_path / "trial.jsonl", **options)


def test_without_a_file_records_go_to_the_results_of_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(None, arms=["plain"], draws=[0], settings=[{"n_labelled": 2}])
    assert len(read_records(tmp_path / "runs" / "chapter" / "trial.jsonl")) == 1
