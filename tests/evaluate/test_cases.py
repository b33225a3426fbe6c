from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit import evaluate
from segkit.data.case import Case
from segkit.errors import ConfigError, DataError
from segkit.evaluate import DEFAULT_METRICS, METRICS, evaluate_case

CLASSES = ("background", "anterior", "posterior")


@pytest.fixture
def labels(blob):
    truth = blob(1, (10, 12, 9)).astype(np.int64) * 2
    truth[5:][truth[5:] > 0] = 1
    return np.roll(truth, 1, axis=1), truth


def case_of(truth, spacing=(1.0, 1.0, 2.0), classes=CLASSES) -> Case:
    affine = np.diag([*(spacing or (1.0, 1.0, 1.0)), 1.0])
    label = None if truth is None else torch.from_numpy(truth)
    return Case(torch.zeros(1, 10, 12, 9), label, spacing, affine, "case 7", "case 7", classes)


def test_each_value_is_that_of_the_metric_alone(labels):
    prediction, truth = labels
    result = evaluate_case(prediction, truth, (1.0, 1.0, 2.0), CLASSES)
    assert list(result) == ["anterior", "posterior"]
    for value, name in ((1, "anterior"), (2, "posterior")):
        p, t = prediction == value, truth == value
        for metric in DEFAULT_METRICS:
            options = (
                {"spacing_mm": (1.0, 1.0, 2.0)} if metric not in ("dice", "iou", "sensitivity", "ppv") else {}
            )
            assert result[name][metric] == getattr(evaluate, metric)(p, t, **options)


def test_a_case_brings_its_spacing_and_classes(labels):
    prediction, truth = labels
    assert evaluate_case(torch.from_numpy(prediction), case_of(truth)) == evaluate_case(
        prediction, truth, (1.0, 1.0, 2.0), CLASSES
    )
    assert evaluate_case(prediction, case_of(truth, None))["anterior"]["assd_mm"].unit == "voxels"


def test_chosen_metrics_and_policies(labels):
    prediction, truth = labels
    truth = np.where(truth == 2, 0, truth)
    result = evaluate_case(
        np.where(prediction == 2, 0, prediction),
        truth,
        None,
        CLASSES,
        metrics=["hd95_mm", "dice"],
        overlap_policy="one",
        distance_policy="nan",
    )
    assert list(result["anterior"]) == ["hd95_mm", "dice"]
    assert result["posterior"]["dice"].value == 1.0
    assert result["anterior"]["hd95_mm"].policy == "nan"


def test_two_dimensions(labels):
    prediction, truth = (x[..., 4] for x in labels)
    result = evaluate_case(prediction, truth, (1.0, 2.0), CLASSES, metrics=METRICS)
    assert set(result["anterior"]) == set(METRICS)


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (
            lambda p, t: (p[1:], t),
            DataError,
            r"the prediction has shape \(9, 12, 9\), the truth \(10, 12, 9\)",
        ),
        (
            lambda p, t: (p + 1, t),
            DataError,
            "the prediction holds 1 … 3, but a voxel must have a label of 0 … 2",
        ),
        (lambda p, t: (p, t - 1), DataError, "the truth holds -1 … 1"),
        (lambda p, t: (p * 1.0, t), DataError, "the prediction must hold whole-number labels, not float64"),
        (lambda p, t: (p[:0], t[:0]), DataError, "the prediction holds nothing"),
        (lambda p, t: (p[1:], case_of(t)), DataError, "case 7: the prediction has shape"),
        (lambda p, t: (p, case_of(None)), DataError, "case 7 has no label"),
    ],
)
def test_labels_that_cannot_be_measured(labels, change, error, sentence):
    prediction, truth = change(*labels)
    classes = None if isinstance(truth, Case) else CLASSES
    with pytest.raises(error, match=sentence):
        evaluate_case(prediction, truth, None, classes)


def test_options_that_make_no_sense(labels):
    prediction, truth = labels
    with pytest.raises(ConfigError, match="unknown metric 'hd95': did you mean 'hd95_mm'"):
        evaluate_case(prediction, truth, None, CLASSES, metrics=["hd95"])
    with pytest.raises(ConfigError, match="name the classes"):
        evaluate_case(prediction, truth)
    with pytest.raises(ConfigError, match="a case has its own spacing"):
        evaluate_case(prediction, case_of(truth), (1, 1, 1))
    with pytest.raises(ConfigError, match="unknown policy for overlap"):
        evaluate_case(prediction, truth, None, CLASSES, metrics=["hd95_mm"], overlap_policy="diagonal")
