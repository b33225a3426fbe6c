"""The command line of a recipe: dry runs, resuming, words that make no sense."""

from __future__ import annotations

import json

import pytest

from segkit import cli
from segkit.data import open_prepared
from segkit.recipes.launching import main
from segkit.train import latest_checkpoint


def history(folder):
    return json.loads((latest_checkpoint(folder) / "history.json").read_text())["rows"]


def test_a_dry_run_says_what_it_would_do_and_keeps_nothing(train, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train("supervised", "--dry-run", "--scale", "full", settings=["training.workers=0"]) == 0
    told = capsys.readouterr().out
    assert "patches of 16 × 16 × 16, 2 per update" in told
    assert "parameters" in told and "s per update" in told and "memory at most" in told
    assert "2 cases would be segmented" in told
    assert not list(tmp_path.iterdir())


def test_a_run_goes_on_with_resume_and_not_without(train, tmp_path, capsys):
    words = ["--out", str(tmp_path / "run"), "--no-test"]
    assert train("supervised", *words) == 0
    assert train("supervised", *words) == 2
    assert "holds a run already: resume it" in capsys.readouterr().err
    more = ["--resume", "--accelerator", "cpu", "--set", "training.iterations=3"]
    assert cli.main(["train", "supervised", *words, *more]) == 0
    assert [row["iteration"] for row in history(tmp_path / "run")] == [0, 1, 2]
    assert train("loss_envelope", *words, "--resume") == 2
    assert "holds a run of supervised: resume that" in capsys.readouterr().err


def test_a_resumed_run_ends_as_one_that_was_not_interrupted(train, tmp_path):
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    three = ["training.iterations=3", "training.schedule=constant"]
    train("supervised", "--out", str(whole), "--no-test", settings=three)
    train("supervised", "--out", str(halved), "--no-test", settings=[*three, "training.iterations=2"])
    train("supervised", "--out", str(halved), "--no-test", "--resume", settings=three)
    ours, theirs = ([row["total"] for row in history(run)] for run in (halved, whole))
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_compiled_run_goes_on_without_being_compiled(train, tmp_path):
    """Checkpoints of a compiled network are those of the network; its first losses are the same."""
    plain, compiled = tmp_path / "plain", tmp_path / "compiled"
    exact = ["training.precision=32-true", "training.schedule=constant"]
    train("supervised", "--out", str(plain), "--no-test", settings=[*exact, "training.iterations=3"])
    for options in (["training.compile=true"], ["training.compile=false", "training.iterations=3"]):
        words = ["--out", str(compiled), "--no-test", "--resume"]
        assert train("supervised", *words, settings=[*exact, *options]) == 0
    ours, theirs = ([row["total"] for row in history(run)] for run in (compiled, plain))
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_as_a_module(volumes, capsys):
    with pytest.raises(SystemExit) as ended:
        main("supervised", ["--help"])
    assert ended.value.code == 0
    assert "--dry-run" in capsys.readouterr().out
    assert main("supervised", ["--data", str(volumes), "--scale", "tyo"]) == 2
    assert "did you mean 'toy'" in capsys.readouterr().err


def test_a_fold_tests_other_patients(train, volumes, tmp_path):
    words = ["--out", str(tmp_path / "run")]
    assert train("supervised", *words, settings=["data.fold=1", "data.folds=3"]) == 0
    tested = {case["id"] for case in json.loads((tmp_path / "run/test/results.json").read_text())["cases"]}
    assert tested == {case.id for case in open_prepared(volumes).fold(1, 3).cases("test")}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "hipocampus", "--out", "x"], "did you mean 'hippocampus'"),
        (["--scale", "tyo", "--out", "x"], "did you mean 'toy'"),
        (["--set", "training.precision=bf16-mixd", "--out", "x"], "did you mean 'bf16-mixed'"),
        (["--set", "training.iterations=0", "--out", "x"], "must be 1 or more"),
        (["--set", "training.optimizer=sdg", "--out", "x"], "did you mean 'sgd'"),
        (["--logger", "wandbee", "--out", "x"], "unknown logger 'wandbee'"),
        (["--logger", "no.such:Logger", "--out", "x"], "cannot be made"),
        (["--accelerator", "cpuu", "--out", "x"], "unknown accelerator 'cpuu': did you mean 'cpu'"),
        (["--jobs", "0", "--out", "x"], "--jobs must be 1 or more"),
        (["--set", "training.patch=[16,16]", "--out", "x"], "training.patch needs 3 sizes"),
        ([], "a run needs a folder: give --out FOLDER"),
    ],
)
def test_words_that_make_no_sense(volumes, tmp_path, capsys, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    data = [] if "--data" in words else ["--data", str(volumes)]
    assert cli.main(["train", "supervised", *data, *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.rglob("checkpoint-*"))


def test_an_unknown_recipe(capsys):
    assert cli.main(["train", "superwised", "--out", "x"]) == 2
    assert "did you mean 'supervised'" in capsys.readouterr().err


def test_another_prepared_set_is_not_measured(train, volumes, images, tmp_path, capsys):
    run = tmp_path / "run"
    assert train("supervised", "--out", str(run), "--no-test") == 0
    text = (run / "settings.yaml").read_text().replace(str(volumes), str(images))
    (run / "settings.yaml").write_text(text)
    assert cli.main(["test", str(run)]) == 2
    assert "is not the one that" in capsys.readouterr().err


def test_a_folder_that_holds_no_run(tmp_path, capsys):
    assert cli.main(["test", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err
