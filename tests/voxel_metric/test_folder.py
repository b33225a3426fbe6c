"""Two stages on disk, and `segkit predict` from their folder."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import nibabel as nib
import numpy as np
import pytest
import torch

from segkit import cli
from segkit.data import phantom, read_case
from segkit.errors import CheckpointError
from segkit.train import build_network, save_checkpoint
from segkit.voxel_metric import fit_box, is_two_stage, load_two_stage, save_two_stage

BOX = fit_box([phantom("hippocampus", 0)], margin_mm=2.0)


def save_stage(folder, spacing, *, channels=1, seed=1, **config):
    kwargs = {"spatial_dims": 3, "in_channels": channels, "n_classes": 3, "channels": [4, 8]}
    steps = [{"name": "z_score"}, {"name": "resample", "kwargs": {"spacing_mm": spacing}}]
    architecture = {"name": "UNet", "kwargs": kwargs}
    config = {"architecture": architecture, "preprocess": steps, "spacing_mm": spacing, **config}
    torch.manual_seed(seed)
    net = build_network(config).eval()
    weights = {f"net.{name}": value for name, value in net.state_dict().items()}
    save_checkpoint(folder, 7, {"weights": weights}, {"network": "net", "config": config})
    return net


@pytest.fixture
def run(tmp_path):
    save_stage(tmp_path / "run" / "stage1", [2.0, 2.0, 2.0])
    save_stage(tmp_path / "run" / "stage2", [1.0, 1.0, 1.0], seed=2)
    return tmp_path / "run"


@pytest.fixture
def image(tmp_path):
    case = phantom("hippocampus", 3)
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(case.image[0].numpy(), case.affine), path)
    return path


def test_the_folder_gives_back_what_was_saved(run):
    assert not is_two_stage(run / "stage1")
    assert save_two_stage(run, BOX, pad=True) == run / "two_stage.json"
    assert is_two_stage(run)
    two = load_two_stage(run)
    assert two.box == BOX and two.pad
    assert (two.first.spacing_mm, two.second.spacing_mm) == ((2, 2, 2), (1, 1, 1))
    assert not list(run.glob(".partial*"))


def test_predict_runs_both_stages_and_writes_the_mask(run, image, tmp_path, capsys):
    save_two_stage(run, BOX)
    out = tmp_path / "mask.nii.gz"
    assert cli.main(["predict", str(run), str(image), "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    case = read_case(image)
    written = nib.load(out)
    result = load_two_stage(run).predict(case)
    assert np.array_equal(np.asarray(written.dataobj), result.labels.numpy())
    assert len(np.unique(np.asarray(written.dataobj))) > 1
    np.testing.assert_allclose(written.affine, case.affine, atol=1e-5)


def test_options_of_predict_are_those_of_stage_2(run, image, tmp_path):
    save_two_stage(run, BOX)
    out = tmp_path / "mask.nii.gz"
    words = ["--patch", "16,16,16", "--overlap", "0.25", "--flips", "1", "--batch-size", "3"]
    assert cli.main(["predict", str(run), str(image), "-o", str(out), *words]) == 0
    options = {"patch": (16, 16, 16), "overlap": 0.25, "flips": (1,), "batch_size": 3}
    wanted = load_two_stage(run).predict(read_case(image), **options).labels
    assert np.array_equal(np.asarray(nib.load(out).dataobj), wanted.numpy())


def test_a_case_in_which_stage_1_finds_nothing_is_said(run, image, tmp_path, capsys):
    net = save_stage(run / "stage1", [2.0, 2.0, 2.0])
    with torch.no_grad():
        net.head.mix.conv.bias.copy_(torch.tensor([50.0, 0.0, 0.0]))
    index = json.loads((run / "stage1" / "checkpoint-000007" / "checkpoint.json").read_text())
    weights = {f"net.{name}": value for name, value in net.state_dict().items()}
    save_checkpoint(run / "stage1", 8, {"weights": weights}, {"network": "net", "config": index["config"]})
    save_two_stage(run, BOX)
    assert cli.main(["predict", str(run), str(image), "-o", str(tmp_path / "m.nii")]) == 0
    assert "stage 1 found nothing in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: (run / "two_stage.json").write_text("{"), "is missing or damaged"),
        (lambda run: (run / "two_stage.json").write_text('{"format": 1}'), "is missing or damaged"),
        (lambda run: (run / "two_stage.json").write_text('{"format": 9}'), "update segkit"),
        (lambda run: (run / "stage1").rename(run / "gone"), "no complete checkpoint in"),
        (
            lambda run: save_stage(run / "stage2", [2.0, 2.0, 2.0]),
            "stage 2 of .* was trained at 2 × 2 × 2 mm, but its box was fitted at 1 × 1 × 1 mm",
        ),
        (
            lambda run: save_stage(run / "stage1", [3.0, 3.0, 3.0], spacing_mm=[4.0, 4.0, 4.0]),
            "stage 1 in .* was trained at 4 × 4 × 4 mm, but its images are resampled to 3 × 3 × 3 mm",
        ),
        (
            lambda run: save_stage(run / "stage2", [1.0] * 3, spacing_mm=None),
            "does not say at which spacing it was",
        ),
        (lambda run: (run / "two_stage.json").unlink(), r"complete the folder with save_two_stage\(\)"),
        (
            lambda run: (run / "two_stage.json").write_text(
                (run / "two_stage.json").read_text().replace('"half_mm": [', '"half_mm": [-3.0,')
            ),
            "is missing or damaged",
        ),
        (
            lambda run: (run / "two_stage.json").write_text(
                json.dumps({"format": 1, "pad": False, "box": {k: v[:2] for k, v in asdict(BOX).items()}})
            ),
            "was trained at 1 × 1 × 1 mm, but its box was fitted at 1 × 1 mm",
        ),
        (
            lambda run: save_stage(run / "stage1", [2.0, 2.0, 2.0], channels=2),
            "but the network was trained on 2",
        ),
    ],
)
def test_what_does_not_fit_together_gets_one_sentence(run, image, tmp_path, capsys, spoil, words):
    save_two_stage(run, BOX)
    spoil(run)
    assert cli.main(["predict", str(run), str(image), "-o", str(tmp_path / "m.nii")]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert re.search(words, shown)
    assert not (tmp_path / "m.nii").exists()


def test_a_folder_is_not_completed_before_its_stages_are_there(tmp_path):
    save_stage(tmp_path / "stage1", [2.0, 2.0, 2.0])
    with pytest.raises(CheckpointError, match="stage2"):
        save_two_stage(tmp_path, BOX)
    assert not list(tmp_path.glob("*.json"))


def test_the_index_is_plain_json(run):
    found = json.loads(save_two_stage(run, BOX).read_text())
    assert found == {"format": 1, "pad": False, "box": json.loads(json.dumps(asdict(BOX)))}
