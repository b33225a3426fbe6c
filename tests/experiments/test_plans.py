"""The plans of the book: found by name, complete, and able to run."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import torch

from segkit.data import Case, make_split, phantoms
from segkit.errors import ConfigError, DataError
from segkit.experiments import make_draw, prepare, run_one, validate_record
from segkit.experiments.plans import _hippocampus as hippocampus
from segkit.experiments.plans import find_plan, plan_names


def few(name: str) -> list[Case]:
    return [hippocampus.into_frame(case) for case in phantoms("hippocampus", 4)]


def few_split(name: str):
    return make_split([case.group for case in few(name)], (2, 1, 1), seed=0)


@pytest.fixture(scope="module")
def prepared():
    return prepare(replace(find_plan("unet/losses"), prepare=few, split=few_split))


def test_names_and_the_nearest_of_a_wrong_one():
    assert {"unet/choices", "unet/losses", "measuring/draws", "measuring/undertraining"} <= set(plan_names())
    assert find_plan("measuring/draws").name == "measuring/draws"
    with pytest.raises(ConfigError, match="did you mean 'unet/losses'"):
        find_plan("unet/loses")
    with pytest.raises(ConfigError, match="'measuring' has several experiments"):
        find_plan("measuring")


@pytest.mark.parametrize("name", plan_names())
def test_every_plan_can_go_to_other_processes_and_keeps_its_fingerprint(name):
    plan = find_plan(name)
    again = pickle.loads(pickle.dumps(plan))
    assert [again.fingerprint(arm) for arm in plan.arms] == [plan.fingerprint(arm) for arm in plan.arms]
    assert len({plan.fingerprint(arm) for arm in plan.arms}) == len(plan.arms)
    assert plan.question.endswith(("?", "."))
    validating = plan.experiment.split("_")[0] in ("choices", "forms", "weights", "search")
    validating |= plan.experiment == "vit_rates"
    assert (plan.part == "test") != validating


def test_choices_give_every_loss_the_same_budget_and_use_other_draws():
    choices, losses = find_plan("unet/choices"), find_plan("unet/losses")
    assert len(choices.arms) == 3 * len(losses.arms)
    assert not set(choices.draw_numbers) & set(losses.draw_numbers)


@pytest.mark.parametrize("loss", hippocampus.LOSSES)
def test_every_loss_of_the_chapter_trains(loss, prepared):
    plan = replace(find_plan("unet/losses"), arms={loss: find_plan("unet/losses").arms[loss]}, baseline=loss)
    record = run_one(plan, prepared, loss, 0, {"n_labelled": 2, "updates": 2})
    validate_record(record)
    assert set(record["evaluation"]["metrics"]) == {"dice", "hd95_mm", "sensitivity", "ppv"}


def test_arms_of_a_chapter_start_from_the_same_weights(prepared):
    plan = find_plan("unet/losses")
    draw = make_draw(plan, prepared, 0, {"n_labelled": 2})
    first, *others = (arm.method(draw).net.state_dict() for arm in plan.arms.values())
    for other in others:
        assert all(torch.equal(first[key], other[key]) for key in first)


def test_the_prior_changes_the_start_alone(prepared):
    plan = find_plan("measuring/undertraining")
    draw = make_draw(plan, prepared, 0, {"n_labelled": 2})
    plain, prior = (plan.arms[name].method(draw) for name in ("plain", "prior"))
    different = [
        key
        for key, value in plain.net.state_dict().items()
        if not torch.equal(value, prior.net.state_dict()[key])
    ]
    assert len(different) <= 2  # weight and bias of the last layer
    shares = hippocampus.class_shares(draw.train, draw.n_classes)
    with torch.no_grad():
        start = prior.predict(draw.train[0].image[None]).mean((0, 2, 3, 4))
    assert torch.allclose(start, shares.float(), atol=0.02)


def test_class_weights_give_every_class_the_same_total(prepared):
    draw = make_draw(find_plan("unet/losses"), prepared, 0, {"n_labelled": 2})
    shares = hippocampus.class_shares(draw.train, draw.n_classes)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] > 0.9
    full, half = (hippocampus.supervised(draw, loss=loss).losses["total"].class_weight.double()
                  for loss in ("weighted", "weighted_sqrt"))  # fmt: skip
    assert torch.allclose(full * shares, torch.full((3,), 1 / 3, dtype=torch.float64), atol=1e-6)
    assert (half * shares).sum() == pytest.approx(1, abs=1e-6)
    assert full[1] > half[1] > 1 > half[0] > full[0]


def test_the_frame_keeps_every_label_or_says_that_it_cannot():
    case = phantoms("hippocampus", 1)[0]
    framed = hippocampus.into_frame(case)
    assert framed.shape == hippocampus.FRAME
    assert int((framed.label > 0).sum()) == int((case.label > 0).sum())
    large = hippocampus.crop_or_pad(case, (36, 70, 40), pad_label=1)
    with pytest.raises(DataError, match=r"labelled voxels of case .* lie outside of the frame"):
        hippocampus.into_frame(large)


def test_an_unknown_loss_is_named(prepared):
    draw = make_draw(find_plan("unet/losses"), prepared, 0, {"n_labelled": 2})
    with pytest.raises(ConfigError, match="did you mean 'dice_ce'"):
        hippocampus.supervised(draw, loss="dicece")
