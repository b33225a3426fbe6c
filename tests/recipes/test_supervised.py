"""`segkit train supervised`: what a user types, from a prepared set to a measured test part."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import nibabel
import pytest
import torch
import yaml

from segkit import cli
from segkit.data import open_prepared
from segkit.train import History, latest_checkpoint, load_network
from tests.recipes.conftest import SMALL


@pytest.fixture(scope="module")
def finished(volumes, tmp_path_factory):
    """A run of two updates, tested."""
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
    assert page.count('<div class="box"') == page.count("<table>") == 2
    assert 'name="viewport"' in page and "prefers-color-scheme:dark" in page
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


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_measurement_that_is_killed_goes_on(volumes, tmp_path):
    """SIGKILL to both processes of `segkit test --jobs 2` after the first case; finished cases stay."""
    run = tmp_path / "run"
    words = [
        "train",
        "supervised",
        "--out",
        str(run),
        "--accelerator",
        "cpu",
        "--logger",
        "none",
        "--no-test",
    ]
    changes = [f"data.name={volumes}", *SMALL, "data.fold=0", "data.folds=2", "inference.overlap=0.9"]
    assert cli.main([*words, "--set", *changes]) == 0
    command = [sys.executable, "-m", "segkit", "test", str(run), "--jobs", "2", "--accelerator", "cpu"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    records = run / "test" / "cases"
    while not list(records.glob("*.json")) and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in records.glob("*.json")}
    assert 1 <= len(done) < 3 and not (run / "test" / "results.json").exists()
    assert cli.main(["test", str(run), "--jobs", "2", "--accelerator", "cpu"]) == 0
    assert len(json.loads((run / "test" / "results.json").read_text())["cases"]) == 3
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert {path.suffix for path in (run / "test" / "predictions").iterdir()} == {".gz"}


def test_a_part_without_cases_is_one_sentence(finished, tmp_path, capsys):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    text = (copy / "settings.yaml").read_text().replace("fold: null", "fold: 0")
    (copy / "settings.yaml").write_text(text)
    assert cli.main(["test", str(copy), "--part", "validation", "--accelerator", "cpu"]) == 2
    assert "is empty: choose another --part, or another data.fold" in capsys.readouterr().err


def _first(run):
    return sorted(path.stem for path in (run / "test" / "cases").glob("*.json"))[0]


def _second(run):
    return sorted(path.stem for path in (run / "test" / "cases").glob("*.json"))[1]
