"""`segkit train`: what a user types, from a data set to a mask."""

from __future__ import annotations

import json

import nibabel
import pytest
import torch

from segkit import cli
from segkit.commands.train import SETTINGS
from segkit.data import DATASETS, crop_or_pad, describe, phantoms
from segkit.train import load_network


@pytest.fixture(autouse=True)
def data_sets(monkeypatch):
    """The middle of phantoms in place of the data sets: two to train on, one to validate with."""
    parts = {"train": slice(0, 2), "validation": slice(2, 3)}

    def load(name, part):
        cases = phantoms(describe(name).phantom, 3)[parts[part]]
        return [crop_or_pad(case, [min(n, 40) for n in case.shape]) for case in cases]

    monkeypatch.delenv("SCALE", raising=False)
    monkeypatch.setattr("segkit.data.load", load, raising=False)


def train(folder, *words):
    words = ["--iterations", "2", "--patch", "16,16,16", "--accelerator", "cpu", *words]
    return cli.main(["train", "supervised", "--out", str(folder), *words])


def test_from_training_to_a_mask(tmp_path, capsys):
    run = tmp_path / "run"
    assert train(run) == 0
    out = capsys.readouterr().out
    assert "2 updates in" in out
    assert "anterior" in out
    assert out.splitlines()[-1] == str(run)

    case = phantoms("hippocampus", 1)[0]
    image, mask = tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(case.image[0].numpy(), case.affine), image)
    assert cli.main(["predict", str(run), str(image), "-o", str(mask)]) == 0
    assert nibabel.load(mask).shape == case.shape


def test_what_the_checkpoint_tells(tmp_path):
    train(tmp_path, "--batch-size", "1")
    net, checkpoint = load_network(tmp_path)
    assert checkpoint.config["classes"][0] == "background"
    assert checkpoint.config["preprocess"] == [{"name": "z_score"}]
    assert checkpoint.config["patch"] == [16, 16, 16]
    assert checkpoint.config["spacing_mm"] == [1.0, 1.0, 1.0]
    assert net(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 3, 16, 16, 16)


def test_a_run_goes_on_with_resume_and_not_without(tmp_path, capsys):
    train(tmp_path)
    assert train(tmp_path) == 2
    assert "holds a run already: resume it" in capsys.readouterr().err
    assert train(tmp_path, "--resume", "--iterations", "3") == 0
    history = json.loads((tmp_path / "checkpoint-000003" / "history.json").read_text())
    assert [row["iteration"] for row in history["rows"]] == [0, 1, 2]


def test_every_data_set_has_settings():
    assert SETTINGS.keys() == DATASETS.keys()


@pytest.mark.parametrize(("name", "patch"), [("acdc", "32,32,8"), ("chaos", "32,32,8"), ("hc18", "32,32")])
def test_thick_slices_and_two_dimensions(tmp_path, capsys, name, patch):
    assert train(tmp_path, "--data", name, "--patch", patch, "--iterations", "1") == 0
    assert describe(name).classes[1] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "hipocampus"], "did you mean 'hippocampus'"),
        (["--scale", "tyo"], "did you mean 'toy'"),
        (["--precision", "bf16-mixd"], "did you mean 'bf16-mixed'"),
        (["--iterations", "0"], "must be 1 or more"),
        (["--patch", "16,x"], "invalid patch value: '16,x'"),
    ],
)
def test_words_that_make_no_sense(tmp_path, capsys, words, sentence):
    assert train(tmp_path / "run", *words) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
