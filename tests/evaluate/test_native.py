from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from segkit.data import Case, phantom, resample, to_orientation, window
from segkit.errors import ConfigError
from segkit.evaluate import dice, predict_case, preprocess
from segkit.evaluate.native import to_grid

AFFINE = np.array([[0.0, -1.5, 0.0, 10.0], [1.0, 0.0, 0.0, -4.0], [0.0, 0.0, 3.0, 7.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture
def case() -> Case:
    """A smooth image on an anisotropic grid whose axes are turned."""
    x, y, z = (torch.linspace(0, 3, n) for n in (24, 20, 12))
    image = torch.sin(x)[:, None, None] * torch.cos(y)[None, :, None] * torch.sin(z + 0.3)[None, None, :]
    return Case(image[None].contiguous(), None, (1.0, 1.5, 3.0), AFFINE, "a", "a").validate()


def as_probs(image):
    return torch.cat([0.5 - image, 0.5 + image], dim=1)


def test_steps_are_done_in_their_order(case):
    steps = [
        {"name": "resample", "kwargs": {"spacing_mm": [2, 2, 2]}},
        {"name": "window", "kwargs": {"low": -0.5, "high": 0.5}},
    ]
    expected = window(resample(case, (2, 2, 2)), -0.5, 0.5)
    assert torch.equal(preprocess(case, steps).image, expected.image)
    assert preprocess(case, []) is case


@pytest.mark.parametrize("codes", ["RAS", "LPS", "ILA", "PLS"])  # the case is ALS: the last only mirrors it
def test_a_turned_image_gives_exactly_the_same_labels(case, codes):
    steps = [{"name": "to_orientation", "kwargs": {"codes": codes}}]
    assert not torch.equal(preprocess(case, steps).image.flatten(), case.image.flatten())
    plain = predict_case(as_probs, case)
    assert torch.equal(predict_case(as_probs, case, steps=steps), plain)


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (0.7, 1.0, 1.5)])
def test_a_resampled_image_gives_nearly_the_same_labels_on_the_first_grid(case, spacing):
    labels = predict_case(as_probs, case, steps=[{"name": "resample", "kwargs": {"spacing_mm": spacing}}])
    assert (labels.shape, labels.dtype) == (case.shape, torch.int64)
    plain = predict_case(as_probs, case)
    assert dice(labels == 1, plain == 1).value > 0.97


def test_probabilities_of_a_ramp_come_back_as_the_ramp(case):
    """Linear interpolation of something linear is exact away from the border: each voxel found its place."""
    mm = np.moveaxis(np.indices(case.shape), 0, -1) @ AFFINE[:3, :3].T @ np.array([1.0, 2.0, 3.0])
    ramp = case.with_(image=torch.from_numpy(mm.astype(np.float32))[None])
    moved = to_orientation(resample(ramp, (0.9, 1.3, 2.1)), "LPI")
    back = to_grid(moved.image, moved, ramp)
    inner = (0, *[slice(3, -3)] * 3)
    torch.testing.assert_close(back[inner], ramp.image[inner], atol=1e-3, rtol=1e-5)


def test_a_net_for_slices_sees_single_slices_of_a_volume(case):
    seen = []

    def predictor(x):
        seen.append(tuple(x.shape))
        return as_probs(x)

    labels = predict_case(predictor, case, slices=True, batch_size=5)
    assert seen == [(5, 1, 24, 20)] * 2 + [(2, 1, 24, 20)]
    assert torch.equal(labels, predict_case(as_probs, case))
    seen.clear()
    assert torch.equal(predict_case(predictor, case, slices=True, patch=(12, 12), overlap=0.25), labels)
    assert {shape[2:] for shape in seen} == {(12, 12)}


def test_a_net_for_slices_is_in_evaluation_mode(case):
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Dropout(0.9)).train()
    assert torch.equal(predict_case(net, case, slices=True), predict_case(net, case, slices=True))
    assert net[1].training


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"name": "zscore"}, "unknown preprocessing step 'zscore': did you mean 'z_score'"),
        ({"name": "crop_or_pad", "kwargs": {"shape": (4, 4, 4)}}, "unknown preprocessing step 'crop_or_pad'"),
        ({}, "unknown preprocessing step ''"),
        ({"name": "window", "kwargs": {"lo": 1}}, "the preprocessing step window cannot be done"),
    ],
)
def test_steps_that_do_not_exist_are_refused(step, sentence):
    with pytest.raises(ConfigError, match=sentence):
        preprocess(phantom("hippocampus", 0), [step])
