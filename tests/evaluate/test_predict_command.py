"""`segkit predict` from a checkpoint on disk to a mask on disk."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch

from segkit import cli
from segkit.data import read_case
from segkit.evaluate import predict_probs, preprocess
from segkit.train.architecture import build_network
from segkit.train.checkpoint import save_checkpoint

OBLIQUE = np.array([[1.9, 0.2, 0.1, -30], [-0.2, 1.4, 0.1, 12], [0.1, 0.1, 3.0, 5], [0, 0, 0, 1.0]])
STEPS = [{"name": "percentile", "kwargs": {"low": 1, "high": 99}}, {"name": "z_score"}]


@pytest.fixture
def image(tmp_path):
    voxels = np.random.default_rng(0).normal(100, 20, (18, 20, 10)).astype(np.float32)
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(voxels, OBLIQUE), path)
    return path


@pytest.fixture
def trained(tmp_path):
    """A run's folder with a network of random weights; returns its path and the network."""

    def trained(dims=3, **config):
        kwargs = {"spatial_dims": dims, "in_channels": 1, "n_classes": 3, "channels": [4, 8]}
        config = {"architecture": {"name": "UNet", "kwargs": kwargs}, "preprocess": STEPS, **config}
        torch.manual_seed(1)
        net = build_network(config).eval()
        weights = {f"net.{name}": value for name, value in net.state_dict().items()}
        save_checkpoint(tmp_path / "run", 7, {"weights": weights}, {"network": "net", "config": config})
        return tmp_path / "run", net

    return trained


def expected(net, image, **options):
    prepared = preprocess(read_case(image), STEPS)
    return predict_probs(lambda x: net(x).softmax(1), prepared.image, **options).argmax(0).numpy()


def test_the_mask_is_that_of_the_library_on_the_grid_of_the_image(trained, image, tmp_path, capsys):
    run, net = trained()
    mask = tmp_path / "new folder" / "mask.nii.gz"
    assert cli.main(["predict", str(run), str(image), "-o", str(mask)]) == 0
    assert capsys.readouterr().out == f"{mask}\n"
    written = nib.load(mask)
    np.testing.assert_allclose(written.affine, OBLIQUE, atol=1e-5)
    labels = np.asarray(written.dataobj)
    assert np.array_equal(labels, expected(net, image))
    assert len(np.unique(labels)) > 1


def test_one_checkpoint_of_a_run_may_be_named(trained, image, tmp_path):
    run, _ = trained()
    out = str(tmp_path / "mask.nii")
    assert cli.main(["predict", str(run / "checkpoint-000007"), str(image), "-o", out]) == 0


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {"patch": (8, 8, 8)}),
        (["--patch", "12,16,8", "--overlap", "0.25"], {"patch": (12, 16, 8), "overlap": 0.25}),
        (["--patch", "whole", "--flips", "0,2"], {"flips": (0, 2)}),
    ],
)
def test_windows_are_those_of_the_checkpoint_unless_told_otherwise(trained, image, tmp_path, words, options):
    run, net = trained(patch=[8, 8, 8])
    out = tmp_path / "mask.nii"
    assert cli.main(["predict", str(run), str(image), "-o", str(out), "--batch-size", "4", *words]) == 0
    assert np.array_equal(np.asarray(nib.load(out).dataobj), expected(net, image, batch_size=4, **options))


def test_a_net_for_slices_segments_a_volume_slice_by_slice(trained, image, tmp_path):
    run, net = trained(dims=2)
    out = tmp_path / "mask.nii"
    assert cli.main(["predict", str(run), str(image), "-o", str(out)]) == 0
    labels = np.asarray(nib.load(out).dataobj)
    prepared = preprocess(read_case(image), STEPS).image
    with torch.no_grad():
        slice_4 = net(prepared[None, ..., 4]).argmax(1)[0]
    assert np.array_equal(labels[..., 4], slice_4.numpy())


def test_resampling_comes_back_to_the_grid_of_the_image(trained, image, tmp_path):
    run, _ = trained(preprocess=[{"name": "resample", "kwargs": {"spacing_mm": [1.5, 1.5, 1.5]}}])
    out = tmp_path / "mask.nii"
    assert cli.main(["predict", str(run), str(image), "-o", str(out)]) == 0
    assert nib.load(out).shape == (18, 20, 10)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{tmp}/nowhere", "{image}", "-o", "{tmp}/m.nii"], "no complete checkpoint in"),
        (["{run}", "{tmp}/none.nii.gz", "-o", "{tmp}/m.nii"], "none.nii.gz does not exist"),
        (["{run}", "{image}", "-o", "{tmp}/m.png"], "a mask is written as .nii or .nii.gz"),
        (["{run}", "{image}", "-o", "{tmp}/m.nii", "--patch", "8,8"], "patch must hold 3 positive sizes"),
        (
            ["{run}", "{image}", "-o", "{tmp}/m.nii", "--patch", "big"],
            "argument --patch: invalid patch value: 'big'",
        ),
        (
            ["{run}", "{image}", "-o", "{tmp}/m.nii", "--flips", "3"],
            "flips must name different axes of 0 … 2",
        ),
        (["{run}", "{image}", "-o", "{tmp}/m.nii", "--device", "warp"], "the device 'warp' cannot be used"),
        (["{run}", "{image}"], "the following arguments are required: -o/--output"),
        (["{run}", "{two}", "-o", "{tmp}/m.nii"], "two.nii has 2 channels, but the network was trained on 1"),
    ],
)
def test_a_mistake_gets_one_sentence_and_leaves_nothing(trained, image, tmp_path, capsys, words, sentence):
    run, _ = trained()
    nib.save(nib.Nifti1Image(np.ones((18, 20, 10, 2), np.float32), OBLIQUE), tmp_path / "two.nii")
    places = {"tmp": tmp_path, "run": run, "image": image, "two": tmp_path / "two.nii"}
    assert cli.main(["predict", *[word.format(**places) for word in words]]) == 2
    shown = capsys.readouterr()
    assert sentence in shown.err
    assert shown.err.count("\n") == 1
    assert not list(tmp_path.glob("m.*"))


def test_a_checkpoint_of_another_architecture_is_refused(trained, image, tmp_path, capsys):
    run, _ = trained()
    index = run / "checkpoint-000007" / "checkpoint.json"
    index.write_text(index.read_text().replace('"n_classes": 3', '"n_classes": 4'))
    assert cli.main(["predict", str(run), str(image), "-o", str(tmp_path / "m.nii")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
