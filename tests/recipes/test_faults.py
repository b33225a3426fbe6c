"""A run that is killed, a full disk, a damaged file: nothing is lost, and it is said in one sentence."""

from __future__ import annotations

import errno
from pathlib import Path

import nibabel
import pytest
import torch

from segkit import cli
from segkit.train import latest_checkpoint
from segkit.train.tensors import read_tensors
from tests.helpers.forked import forked
from tests.recipes.conftest import SMALL

PROGRAM = Path(__file__).with_name("forked_recipe.py")


def same_weights(one, other):
    ours, theirs = (read_tensors(latest_checkpoint(run) / "weights.safetensors") for run in (one, other))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_ten_random_moments(volumes, tmp_path):
    """SIGKILL in whatever the run is doing; in the end it is, bit for bit, what it would have been."""
    settings = [*SMALL, "training.iterations=12", "augmentation.spatial=1.0", "training.workers=1"]
    words = ["--no-test", "--accelerator", "cpu", "--logger", "none", "--set", f"data.name={volumes}"]
    with forked(PROGRAM, *words, *settings) as runs:
        whole = tmp_path / "whole"
        seconds = runs.finish(whole)
        last = runs.kill_often(tmp_path, seconds / 4, lambda folder: same_weights(folder, whole))
    same_weights(last, whole)


def test_a_damaged_checkpoint_is_passed_over(train, tmp_path):
    whole, hurt = tmp_path / "whole", tmp_path / "hurt"
    for run in (whole, hurt):
        assert train("supervised", "--out", str(run), "--no-test") == 0
    weights = latest_checkpoint(hurt) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert latest_checkpoint(hurt).name == "checkpoint-000001"
    assert train("supervised", "--out", str(hurt), "--no-test", "--resume") == 0
    same_weights(whole, hurt)


def test_a_full_disk_while_masks_are_written(train, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    assert train("supervised", "--out", str(run), "--no-test") == 0
    save, written = nibabel.save, []

    def full(image, path):
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        save(image, path)

    monkeypatch.setattr(nibabel, "save", full)
    assert cli.main(["test", str(run), "--accelerator", "cpu"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("the disk is full while writing")
    masks = run / "test" / "predictions"
    assert [path.name for path in masks.iterdir()] == [written[0].name.split(".")[1] + ".nii.gz"]
    monkeypatch.setattr(nibabel, "save", save)
    assert cli.main(["test", str(run), "--accelerator", "cpu"]) == 0
    assert "test: 1 of 1" in capsys.readouterr().err


def test_a_full_disk_while_a_checkpoint_is_written(train, tmp_path, monkeypatch, capsys):
    write, calls = Path.write_bytes, []

    def full(path, data):
        calls.append(path)
        if len(calls) > 4:  # in the middle of the second checkpoint
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        assert train("supervised", "--out", str(tmp_path), "--no-test") == 2
    assert "cannot be written to" in capsys.readouterr().err
    assert latest_checkpoint(tmp_path).name == "checkpoint-000001"
    assert train("supervised", "--out", str(tmp_path), "--no-test", "--resume") == 0
    assert latest_checkpoint(tmp_path).name == "checkpoint-000002"


def test_a_case_that_is_damaged(train, volumes, tmp_path, capsys):
    """A prepared array that lost its end is named, with what to do."""
    import shutil

    from segkit.data import open_prepared

    copy = tmp_path / "copy"
    shutil.copytree(volumes, copy)
    case = open_prepared(copy).cases("train")[0]
    array = copy / f"{case.id}.image.npy"
    array.write_bytes(array.read_bytes()[:200])
    settings = ["training.batch_size=6"]
    assert train("supervised", "--out", str(tmp_path / "run"), data=copy, settings=settings) == 2
    said = capsys.readouterr().err
    assert array.name in said and "prepare the set again" in said
