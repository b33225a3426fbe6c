"""Each recipe from a prepared set to a measured test part, in a few updates."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import nibabel
import pytest
import torch

import segkit.recipes
from segkit import cli
from segkit.data import open_prepared, phantom
from segkit.recipes import RECIPES
from segkit.recipes.describing import describe_settings
from segkit.recipes.records import stored_settings
from segkit.recipes.segmenters import load_segmenter
from segkit.recipes.settings import Section, dotted
from segkit.train import latest_checkpoint, load_network

FOLDER = Path(segkit.recipes.__file__).parent
SHORT = {
    "supervised": [],
    "loss_envelope": ["training.batch_size=4", "envelope.top_k=0.5"],
    "voxel_metric": ["stage1.iterations=2", "stage1.spacing_mm=2.0", "stage1.channels=[4,8]",
                     "stage2.margin_mm=1.0"],
    "coarse_refined": ["labelled.share=0.5", "ranked.contour_side=6", "ranked.grid_side=6",
                       "ranked.start=0.0"],
    "local_ssl": ["pretraining.iterations=2", "labelled.share=0.5"],
    "mask_prior": ["parent.iterations=2", "parent.channels=[4,8]"],
}  # fmt: skip
ELSEWHERE = {recipe: {"training.momentum", "data.folds", "training.patch_voxels"} for recipe in RECIPES}
"""Settings that count with others only: of SGD, of folds, of a patch that is not given."""
PHASES = {
    "voxel_metric": ["stage1", "stage2"],
    "local_ssl": ["pretraining", "finetuning"],
    "mask_prior": ["parent", "second"],
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_from_data_to_results(recipe, train, tmp_path, volumes):
    run = tmp_path / "run"
    assert train(recipe, "--out", str(run), settings=SHORT[recipe]) == 0
    for phase in PHASES.get(recipe, [""]):
        assert latest_checkpoint(run / phase).name == "checkpoint-000002"
    found = json.loads((run / "test" / "results.json").read_text())
    assert len(found["cases"]) == 2
    assert list(json.loads((run / "run.json").read_text())["trainings"]) == PHASES.get(recipe, [recipe])
    looked = recipe != "voxel_metric"  # neither of its stages trains on what a validation case is
    assert ("Loss and validation Dice" in (run / "test" / "report.html").read_text()) == looked
    segment = load_segmenter(run, stored_settings(run), device=torch.device("cpu"))
    case = open_prepared(volumes).cases("test")[0].load()
    probs = segment(case)
    assert probs.shape == (3, *case.shape)
    torch.testing.assert_close(probs.sum(0), torch.ones(case.shape), atol=1e-4, rtol=0)


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "supervised"])
def test_a_dry_run_probes_every_training(recipe, train, capsys):
    assert train(recipe, "--dry-run", settings=SHORT[recipe]) == 0
    told = capsys.readouterr().out
    for phase in PHASES.get(recipe, [recipe]):
        assert f"{phase}: " in told
    assert told.count("s per update") == len(PHASES.get(recipe, [recipe]))


@pytest.mark.parametrize("recipe", ["supervised", "coarse_refined", "mask_prior", "local_ssl"])
def test_two_dimensions(recipe, train, images, tmp_path):
    run = tmp_path / "run"
    settings = [*SHORT[recipe], "training.patch=[32,32]"]
    assert train(recipe, "--out", str(run), data=images, settings=settings) == 0
    assert (run / "test" / "report.html").is_file()


@pytest.mark.parametrize("recipe", ["supervised", "mask_prior", "local_ssl"])
def test_the_run_segments_an_image(recipe, train, tmp_path, capsys):
    run, mask = tmp_path / "run", tmp_path / "mask.nii.gz"
    assert train(recipe, "--out", str(run), "--no-test", settings=SHORT[recipe]) == 0
    case, image = phantom("hippocampus", 9), tmp_path / "image.nii.gz"
    nibabel.save(nibabel.Nifti1Image(case.image[0].numpy(), case.affine), image)
    assert cli.main(["predict", str(run), str(image), "-o", str(mask)]) == 0
    assert nibabel.load(mask).shape == case.shape
    if recipe != "supervised":
        assert cli.main(["predict", str(run), str(image), "-o", str(mask), "--patch", "8,8,8"]) == 2
        assert "leave out --patch" in capsys.readouterr().err


def test_a_checkpoint_of_a_room_brings_its_network(train, tmp_path):
    assert train("coarse_refined", "--out", str(tmp_path), "--no-test", settings=SHORT["coarse_refined"]) == 0
    assert type(load_network(tmp_path)[0]).__name__ == "CoarseRefinedNet"


def test_fine_tuning_begins_with_pre_trained_weights(train, tmp_path):
    short = [*SHORT["local_ssl"], "training.lr=0.0", "training.weight_decay=0.0"]
    assert train("local_ssl", "--out", str(tmp_path), "--no-test", settings=short) == 0
    first, last = (load_network(tmp_path / phase)[0].state_dict() for phase in PHASES["local_ssl"])
    same = {name for name, value in first.items() if torch.equal(value, last[name])}
    assert {name for name in first if not name.startswith("head")} <= same


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_can_be_read(recipe):
    """At most 150 lines, a settings file beside it, no loop over updates and no loss of its own."""
    text = (FOLDER / f"{recipe}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert (FOLDER / f"{recipe}.yaml").is_file()
    assert ".backward(" not in text and "optimizer.step" not in text and "cross_entropy" not in text
    assert callable(import_module(f"segkit.recipes.{recipe}").train)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_setting_is_looked_at(recipe, train, tmp_path, monkeypatch):
    """A setting that nothing reads would change nothing, and nobody would see it."""
    read, get = set(), Section.__getitem__

    def watched(self, key):
        read.add(dotted(self._name, key))
        return get(self, key)

    monkeypatch.setattr(Section, "__getitem__", watched)
    assert train(recipe, "--out", str(tmp_path / "run"), settings=SHORT[recipe]) == 0
    named = {setting.name for base in ("supervised", recipe) for setting in describe_settings(base)}
    assert sorted(named - read - ELSEWHERE[recipe]) == []


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_scale_toy_on_phantoms(recipe, tmp_path):
    run = tmp_path / "run"
    words = ["--phantoms", "--scale", "toy", "--accelerator", "cpu", "--out", str(run)]
    assert cli.main(["train", recipe, *words]) == 0
    assert (run / "MODEL_CARD.md").is_file()
