"""The experiments of chapter 6: every arm trains, all start alike, and what is written down is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segkit.coarse_refined import CoarseRefinedNet
from segkit.data import Case, crop_or_pad, make_split, phantoms, resize, z_score
from segkit.data.splitting import load_split
from segkit.errors import ConfigError, DataError
from segkit.experiments import make_draw, prepare, run_one, validate_record
from segkit.experiments.plans import _coarse_refined as arms
from segkit.experiments.plans import _coarse_refined_data as data
from segkit.experiments.plans import _coarse_refined_watch as watch
from segkit.experiments.plans import find_plan, plan_names
from segkit.experiments.plans._coarse_refined_arms import ARMS, CLASSICAL
from segkit.experiments.plans._coarse_refined_search import CHOICES, SEARCH, SEARCH_MIXED
from segkit.experiments.plans.coarse_refined import PLANS
from segkit.train import State, Supervised

TABLES = [plan for plan in PLANS.values() if plan.part == "test"]
TRIALS = [plan for plan in PLANS.values() if plan.part == "validation"]


def hearts(name: str) -> list[Case]:
    """Three slices of phantoms, so that a step takes no time."""
    found = []
    for case in phantoms("cardiac_short_axis", 6):
        middle = crop_or_pad(z_score(case).with_(meta={}), (3, 96, 96), pad_label=0)
        found.append(resize(middle, (3, 48, 48)).with_(spacing_mm=None))
    return found


def split(name: str):
    return make_split([case.group for case in hearts(name)], (4, 1, 1), seed=0)


def small(name: str, **changes):
    return replace(find_plan(f"coarse_refined/{name}"), prepare=hearts, split=split, updates=1, **changes)


@pytest.fixture(scope="module")
def prepared():
    return prepare(small("acdc"))


@pytest.fixture(scope="module")
def draw(prepared):
    return make_draw(small("acdc"), prepared, 0, {"n_labelled": 2})


@pytest.mark.parametrize("name", ARMS)
def test_every_arm_of_the_chapter_trains(name, prepared):
    plan = small("acdc", metrics=("dice",))
    record = run_one(plan, prepared, name, 0, {"n_labelled": 2})
    validate_record(record)
    told = record["evaluation"]["metrics"]
    assert {"dice", "contrast", "volume", "target_flips", "target_entropy", "target_foreground"} <= set(told)
    assert len(told["dice"]) == 1 and len(told["dice"][0]) == 3


TRIED = [*SEARCH.values(), *SEARCH_MIXED.values()]


@pytest.mark.parametrize("arm", TRIED, ids=lambda arm: arm.description)
def test_every_arm_of_the_search_takes_a_step_late_in_the_run(arm, draw):
    method = arm.method(draw)
    terms = method.step(data.two_streams(draw)[0], State(95, 100, draw.generator("step")))
    assert torch.isfinite(terms["total"])
    terms["total"].backward()


@pytest.mark.parametrize("name", [name for name in CHOICES if name not in ARMS])
def test_every_value_that_was_tried_builds_an_arm(name, draw):
    assert CHOICES[name].method(draw).predict(torch.zeros(1, 1, 48, 48)).shape == (1, 4, 48, 48)


def test_no_classical_method_has_fewer_values_to_choose_from_than_ours():
    tried = {
        name: sum(each.rpartition(" ")[0] == name for each in CHOICES) for name in (*CLASSICAL, "CRII-Net")
    }
    assert min(tried[name] for name in CLASSICAL) >= tried["CRII-Net"] > 0


def test_all_arms_start_from_the_same_network(draw):
    def finest(net):
        inner = net.unet.encoder if isinstance(net, CoarseRefinedNet) else getattr(net, "encoder", net)
        return inner.encoders[0].state_dict()

    first = finest(ARMS["supervised"].method(draw).inner.net)
    for name, arm in ARMS.items():
        found = finest(arm.method(draw).inner.net)
        assert all(torch.equal(first[key], found[key]) for key in first), name


def test_arms_with_two_streams_see_the_same_labelled_slices(draw):
    both, more = data.two_streams(draw), data.more_labelled(draw)
    assert len(both[3]["image"]) == len(both[3]["unlabelled_image"]) == 4 and len(more[3]["image"]) == 8
    assert torch.equal(both[0]["image"][0], more[0]["image"][0])


def test_where_all_have_labels_they_are_unlabelled_too(prepared):
    draw = make_draw(small("acdc"), prepared, 0, {})
    labelled, unlabelled = data.planes_of(draw)
    assert {case.id for case in labelled} == {case.id for case in unlabelled}
    assert all(case.label is None for case in unlabelled) and all(case.label is not None for case in labelled)


def test_a_setting_changes_how_images_are_moved(prepared):
    plan = small("hc18_weak")
    weak, strong = (
        plan.batches(make_draw(plan, prepared, 0, {"n_labelled": 2, "augment": strength})).labelled.augment
        for strength in ("weak", "strong")
    )
    assert not any(weak.angles) and any(strong.angles)


def test_contrast_is_a_function_of_its_seed():
    change, sample = data.Contrast(0.25), {"image": torch.randn(1, 4, 4), "label": 3}
    found = []
    for seed in (1, 1, 2):
        change.set_random_state(seed)
        found.append(change(sample)["image"])
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    assert abs(float(found[0].std() / sample["image"].std()) - 1) <= 0.25


def test_no_test_patient_is_ever_chosen_with():
    test = set(load_split("acdc").test)
    for plan in TRIALS:
        used = plan.split("acdc")
        assert not test & {*used.train, *used.validation, *used.test} and plan.dataset == "acdc"
        assert len(used.train) + len(used.validation) == 48
    for plan in TABLES:
        used = plan.split(plan.dataset)
        assert used.test == load_split(plan.dataset).test and not used.validation


def test_two_patients_are_four_percent():
    assert len(find_plan("coarse_refined/acdc").split("acdc").train) == 48
    assert all(plan.name in plan_names() for plan in PLANS.values())


def test_a_volume_is_predicted_slice_by_slice(draw):
    method = ARMS["supervised"].method(draw).eval()
    volume = torch.randn(2, 1, 3, 48, 48)
    with torch.no_grad():
        found = method.predict(volume)
        assert torch.allclose(found[:, :, 1], method.predict(volume[:, :, 1]), atol=1e-5)


class Constant(torch.nn.Module):
    """Says of every pixel what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor([9.0, 0.0, 0.0, 0.0]))

    def forward(self, image):
        return self.logits.view(1, 4, 1, 1).expand(len(image), 4, *image.shape[2:])


def test_flips_of_targets_are_seen(draw):
    net = Constant()
    method = watch.Watched(Supervised(net, torch.nn.CrossEntropyLoss()), draw)
    for iteration in range(4):
        with torch.no_grad():
            net.logits.copy_(net.logits.roll(1))
        method.after_update(State(iteration, 4, torch.Generator()))
    told = method.monitors()
    assert told["target_flips"] == 1.0 and told["target_foreground"] == 0.0  # background at the last look
    assert told["target_entropy"] < 0.01


def test_the_target_of_a_mean_teacher_is_its_teacher(draw):
    inner = ARMS["mean teacher"].method(draw).inner
    image = torch.randn(1, 1, 48, 48)
    before = watch.Target(inner).predict(image)
    with torch.no_grad():
        inner.net.head.mix.get_parameter("conv.bias").add_(torch.tensor([0.0, 5.0, 0.0, 0.0]))
    assert torch.equal(before, watch.Target(inner).predict(image))
    assert not torch.allclose(before, inner.predict(image))


def test_contrast_of_a_structure_compares_it_with_a_ring_in_its_plane():
    label = torch.zeros(1, 40, 40, dtype=torch.int64)
    label[:, 15:25, 15:25] = 1
    image = torch.randn(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    image[0][label > 0] += 6
    image[0, :, :5] += 100  # far away
    case = Case(image, label, None, np.eye(4), "a", "a", ("ground", "one", "two"))
    assert 2.5 < watch.contrast(case, 1) < 3.5
    assert np.isnan(watch.contrast(case, 2))
    with pytest.raises(DataError, match="no label"):
        watch.contrast(case.with_(label=None), 1)


def test_an_unknown_form_is_named(draw):
    with pytest.raises(ConfigError, match="did you mean 'mixing'"):
        arms.method(draw, form="mixin")
