"""Masks on disk, through the library and through `segkit evaluate`."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from segkit import cli
from segkit.errors import DataError
from segkit.evaluate import evaluate_case
from segkit.evaluate.files import evaluate_files

SPACING = (1.0, 1.5, 2.0)


@pytest.fixture
def save(tmp_path):
    def save(name, mask, spacing=SPACING):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(np.asarray(mask), np.diag([*spacing, 1.0])), path)
        return str(path)

    return save


def labels(seed):
    out = np.zeros((8, 9, 7), np.uint8)
    start = np.random.default_rng(seed).integers(0, 3, 3)
    out[tuple(slice(s, s + 4) for s in start)] = 1
    out[start[0], start[1] : start[1] + 4, start[2] : start[2] + 4] = 2
    return out


@pytest.fixture
def folders(save, tmp_path):
    for seed in range(3):
        save(f"truth/case{seed}.nii.gz", labels(seed))
        save(f"found/case{seed}.nii", labels(seed + 10))
    save("truth/lonely.nii.gz", labels(7))
    save("found/extra.nii.gz", labels(8))
    save("found/case1.nii", labels(1) * 0)
    return str(tmp_path / "found"), str(tmp_path / "truth")


def test_files_give_the_values_of_their_arrays(save):
    paths = save("a.nii.gz", labels(1)), save("b.nii.gz", labels(2))
    report = evaluate_files(*paths, classes=("body", "wall"))
    arrays = [x.astype(np.int64) for x in (labels(1), labels(2))]
    assert report.cases == {"a": evaluate_case(*arrays, SPACING, ("background", "body", "wall"))}


def test_folders_are_matched_by_name_and_the_rest_is_listed(folders):
    report = evaluate_files(*folders)
    assert list(report.cases) == ["case0", "case1", "case2"]
    assert (report.without_prediction, report.without_truth) == (("lonely",), ("extra",))
    assert list(report.summary) == ["class 1", "class 2"]
    assert report.summary["class 2"]["hd95_mm"].missed == 1


def test_a_class_that_one_case_lacks_is_counted_there(save, tmp_path):
    for name in ("one", "two"):
        for folder in ("found", "truth"):
            save(f"{folder}/{name}.nii.gz", labels(3) if name == "one" else labels(3) * (labels(3) < 2))
    report = evaluate_files(tmp_path / "found", tmp_path / "truth")
    assert report.cases["two"]["class 2"]["dice"].status == "both_empty"
    assert (report.summary["class 2"]["dice"].n, report.summary["class 2"]["dice"].undefined) == (1, 1)


def test_a_class_that_no_prediction_holds_is_missed(save):
    report = evaluate_files(save("a.nii", labels(1) * (labels(1) < 2)), save("t.nii", labels(1)))
    assert report.cases["a"]["class 2"]["dice"].status == "missed"


def test_the_command_prints_means_counts_and_policies(folders, capsys):
    assert cli.main(["evaluate", *folders, "--classes", "body,wall", "--metrics", "dice,hd95_mm"]) == 1
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[0][:4] == ["class", "metric", "mean", "median"]
    assert [row[:2] for row in rows[1:]] == [
        [structure, metric] for structure in ("body", "wall") for metric in ("dice", "hd95_mm")
    ]
    assert rows[2][4:] == ["mm", "3", "0", "1", "0", "diagonal"]
    assert shown.err == "1 without prediction: lonely\n1 without truth: extra\n"


def test_the_command_prints_every_case_as_json(folders, capsys):
    cli.main(["evaluate", *folders, "--json", "--distance-policy", "nan"])
    shown = json.loads(capsys.readouterr().out)
    missed = shown["cases"]["case1"]["class 1"]["assd_mm"]
    assert missed == {"value": None, "status": "missed", "policy": "nan", "unit": "mm"}
    assert shown["summary"]["class 1"]["assd_mm"]["undefined"] == 1
    assert shown["without_prediction"] == ["lonely"]


def test_two_files_have_status_zero(save, capsys):
    assert cli.main(["evaluate", save("a.nii", labels(1)), save("b.nii", labels(1))]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (lambda save: save("t.nii", labels(1)[1:]), r"has shape \(7, 9, 7\)"),
        (lambda save: save("t.nii", labels(1), (1, 1, 1)), "mm away from its image"),
        (lambda save: save("t.nii", labels(1) + np.float32(0.5)), "labels must be whole numbers"),
        (lambda save: save("t.nii", labels(1).astype(np.int16) - 1), "a.nii: the truth holds -1"),
        (lambda save: save("t.nii", labels(1) + 2), "label value 4 is no class"),
        (lambda save: save("t.nii", labels(1)) + ".gz", "does not exist"),
    ],
)
def test_truth_that_does_not_fit_is_refused(save, other, sentence):
    with pytest.raises(DataError, match=sentence):
        evaluate_files(save("a.nii", labels(1)), other(save), classes=("body", "wall"))


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (labels(1) + np.float32(0.5), "a.nii is no mask"),
        (np.stack([labels(1)] * 2, axis=-1), "a.nii is no mask"),
        (labels(1) + 2, "a.nii: the prediction holds 2 … 4"),
    ],
)
def test_predictions_that_are_no_masks_are_refused(save, mask, sentence):
    with pytest.raises(DataError, match=sentence):
        evaluate_files(save("a.nii", mask), save("t.nii", labels(1)), classes=("body", "wall"))


def test_folders_that_do_not_match_are_refused(save, tmp_path):
    truth = save("truth/a.nii", labels(1))
    (tmp_path / "empty").mkdir()
    save("found/b.nii", labels(1))
    with pytest.raises(DataError, match=r"is a folder and .* is not: give two files or two folders"):
        evaluate_files(tmp_path / "found", truth)
    with pytest.raises(DataError, match=r"empty holds no \.nii"):
        evaluate_files(tmp_path / "empty", tmp_path / "truth")
    with pytest.raises(DataError, match="has the name of one in"):
        evaluate_files(tmp_path / "found", tmp_path / "truth")


def test_unknown_metrics_and_policies_get_the_nearest(save, capsys):
    paths = save("a.nii", labels(1)), save("b.nii", labels(1))
    assert cli.main(["evaluate", *paths, "--metrics", "dise"]) == 2
    assert "did you mean 'dice'" in capsys.readouterr().err
    assert cli.main(["evaluate", *paths, "--distance-policy", "diagonl"]) == 2
    assert "did you mean 'diagonal'" in capsys.readouterr().err
