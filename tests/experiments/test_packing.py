"""There and back: an experiment in a file, its runs elsewhere, their records here."""

from __future__ import annotations

import zipfile

import pytest
import tiny
from fakes import fake_record

from segkit import cli
from segkit.errors import DataError
from segkit.experiments import (
    append_records,
    merge_records,
    pack,
    plans,
    prepare,
    read_records,
    run_plan,
    unpack,
)

PREPARED = prepare(tiny.PLAN)
CHOSEN = {"arms": ["plain"], "draws": [0], "settings": [{"n_labelled": 2}], "device": "cpu"}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return pack(tiny.PLAN, tmp_path_factory.mktemp("packed") / "deep" / "trial.zip")


def test_unpacked_data_are_the_prepared_data(packed):
    name, prepared = unpack(packed)
    assert name == "chapter/trial"
    assert prepared.digest == PREPARED.digest
    assert prepared.split == PREPARED.split
    assert [c.id for c in prepared.cases] == [c.id for c in PREPARED.cases]
    assert prepared.cases[0].classes == PREPARED.cases[0].classes
    assert [path.name for path in packed.parent.iterdir()] == ["trial.zip"]  # nothing half-written is left


def test_runs_from_the_file_are_the_runs_from_the_data(packed, tmp_path):
    here = run_plan(tiny.PLAN, out=tmp_path / "here.jsonl", **CHOSEN)
    there = run_plan(tiny.PLAN, out=tmp_path / "there.jsonl", prepared=unpack(packed)[1], **CHOSEN)
    assert here[0]["evaluation"] == there[0]["evaluation"]
    assert here[0]["data"] == there[0]["data"]


def test_the_whole_way_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plans, "find_plan", lambda name: tiny.PLAN, raising=False)
    monkeypatch.chdir(tmp_path)

    def segkit(*words: str) -> str:
        assert cli.main(["experiment", *words]) == 0
        return capsys.readouterr().out

    assert "MiB" in segkit("pack", "chapter/trial", "-o", "trial.zip")
    assert f"data: {PREPARED.digest}" in segkit("unpack", "trial.zip")
    run = ["run", "--packed", "trial.zip", "--device", "cpu", "--arms", "plain", "--setting", "n_labelled=2"]
    segkit(*run, "--draws", "0", "--out", "back")
    assert segkit("merge", "back", "--out", "results") == "chapter/trial: 1 new runs\n"
    assert segkit("merge", "back/trial.jsonl", "--out", "results", "--json") == '{"chapter/trial": 0}\n'
    assert len(read_records(tmp_path / "results" / "chapter" / "trial.jsonl")) == 1


def test_records_that_do_not_belong_are_not_merged(tmp_path):
    append_records(tmp_path / "results" / "chapter" / "trial.jsonl", [fake_record(draw=0)])
    append_records(tmp_path / "other.jsonl", [fake_record(draw=1, data="f" * 16)])
    with pytest.raises(DataError, match="other prepared data"):
        merge_records(tmp_path / "other.jsonl", out=tmp_path / "results")


def test_records_that_were_cut_off_on_their_way_are_told(tmp_path):
    whole = tmp_path / "whole.jsonl"
    append_records(whole, [fake_record(draw=0)])
    half = tmp_path / "half.jsonl"
    half.write_bytes(whole.read_bytes()[:200])
    with pytest.raises(DataError, match=r"no whole run record in .*half\.jsonl"):
        merge_records(half, out=tmp_path / "results")
    assert not (tmp_path / "results").exists()
    assert merge_records(half, whole, out=tmp_path / "results") == {"chapter/trial": 1}


def test_a_damaged_file_is_named(packed, tmp_path):
    half = tmp_path / "half.zip"
    half.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    with pytest.raises(DataError, match=r"half\.zip is damaged"):
        unpack(half)
    with pytest.raises(DataError, match="does not exist"):
        unpack(tmp_path / "none.zip")
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "nothing of ours")
    with pytest.raises(DataError, match="no packed experiment"):
        unpack(other)


def test_cases_that_are_not_those_of_the_hash_are_refused(packed, tmp_path):
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(changed, "w") as new:
        facts = old.read("experiment.json").replace(PREPARED.digest.encode(), b"0" * 16)
        new.writestr("experiment.json", facts)
        new.writestr("cases.bin", old.read("cases.bin"))
    with pytest.raises(DataError, match="other images or labels than it says"):
        unpack(changed)
