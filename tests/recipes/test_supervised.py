"""`segkit train supervised`: what a user types, from a prepared set to a measured test part."""

from __future__ import annotations

import csv
import json

import nibabel
import pytest
import torch
import yaml

from segkit import cli
from segkit.data import open_prepared
from segkit.train import History, latest_checkpoint, load_network


@pytest.fixture(scope="module")
def finished(volumes, tmp_path_factory):
    """A run of two updates, tested."""
    from tests.recipes.conftest import SMALL

    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", "supervised", "--out", str(folder), "--accelerator", "cpu", "--logger", "csv"]
    assert cli.main([*words, "--set", f"data.name={volumes}", *SMALL]) == 0
    return folder


def test_what_lies_in_the_folder(finished, volumes):
    assert yaml.safe_load((finished / "settings.yaml").read_text())["training"]["iterations"] == 2
    record = json.loads((finished / "run.json").read_text())["trainings"]["supervised"]
    assert (record["updates"], record["processes"]) == (2, 1)
    assert 0 <= record["wait_share"] <= 1
    assert (finished / "data.sha256").read_text().strip() == open_prepared(volumes).hash
    assert list((finished / "csv").rglob("*.csv"))


def test_the_checkpoint_tells_what_a_predictor_must_know(finished):
    net, checkpoint = load_network(finished)
    config = checkpoint.config
    assert config["patch"] == [16, 16, 16]
    assert [step["name"] for step in config["preprocess"]][-1] == "z_score"
    assert config["classes"] == ["background", "anterior", "posterior"]
    assert config["settings"]["training"]["iterations"] == 2
    assert net(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 3, 16, 16, 16)
    history = History.from_json((latest_checkpoint(finished) / "history.json").read_text())
    assert {"validation.dice", "validation.dice.anterior"} <= set(history.names)


def test_every_test_case_is_measured_and_its_mask_written(finished, volumes):
    cases = open_prepared(volumes).cases("test")
    with (finished / "test" / "cases.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == [case.id for case in cases for _ in range(2)]
    assert {row["class"] for row in rows} == {"anterior", "posterior"}
    for case in cases:
        mask = nibabel.load(finished / "test" / "predictions" / f"{case.id}.nii.gz")
        assert mask.shape == case.native().shape
        assert mask.affine == pytest.approx(case.native().affine)


def test_results_have_intervals_over_patients(finished):
    found = json.loads((finished / "test" / "results.json").read_text())
    rows = {(row["class"], row["metric"]): row for row in found["rows"]}
    dice = rows["mean", "dice"]
    assert dice["low"] <= dice["mean"] <= dice["high"]
    assert rows["anterior", "hd95_mm"]["unit"] == "mm"
    assert len(found["cases"]) == 2


def test_the_report_needs_no_network(finished):
    page = (finished / "test" / "report.html").read_text()
    assert page.count("<img alt=") == 3
    assert 'src="http' not in page
    assert "posterior" in page and "The training: loss of every update" in page


def test_the_card_says_what_it_is_not(finished):
    card = (finished / "MODEL_CARD.md").read_text()
    assert "This is not a medical device." in card
    assert "| anterior | dice |" in card
    assert "licence: none" in card


def test_what_is_measured_is_not_measured_again(finished, capsys):
    record = finished / "test" / "cases" / f"{_first(finished)}.json"
    before = record.stat().st_mtime_ns
    (finished / "test" / "predictions" / f"{_second(finished)}.nii.gz").unlink()
    assert cli.main(["test", str(finished), "--accelerator", "cpu"]) == 0
    told = capsys.readouterr()
    assert "test: 1 of 1" in told.err and "report.html" in told.out
    assert record.stat().st_mtime_ns == before


def test_the_validation_part_can_be_measured(finished):
    assert cli.main(["test", str(finished), "--part", "validation", "--accelerator", "cpu"]) == 0
    assert len(json.loads((finished / "validation" / "results.json").read_text())["cases"]) == 1


@pytest.mark.slow
def test_two_processes_measure_the_same(finished, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    shutil.rmtree(copy / "test")
    assert cli.main(["test", str(copy), "--jobs", "2", "--accelerator", "cpu"]) == 0
    ours, theirs = (
        json.loads((run / "test" / "results.json").read_text())["rows"] for run in (copy, finished)
    )
    assert ours == theirs


def _first(run):
    return sorted(path.stem for path in (run / "test" / "cases").glob("*.json"))[0]


def _second(run):
    return sorted(path.stem for path in (run / "test" / "cases").glob("*.json"))[1]
