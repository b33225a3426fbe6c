"""One run: what a draw fixes for every arm, and a record that says all of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import tiny
import torch

from segkit.errors import ConfigError, DataError
from segkit.experiments import Draw, make_draw, prepare, run_one, table_rows, validate_record
from segkit.experiments.prepared import Prepared

PREPARED = prepare(tiny.PLAN)
SETTING = {"n_labelled": 2}


def test_a_record_is_valid_and_says_what_was_run():
    record = run_one(tiny.PLAN, PREPARED, "plain", 1, SETTING)
    validate_record(record)
    assert (record["arm"], record["draw"], record["setting"]) == ("plain", 1, SETTING)
    assert (
        record["command"]
        == "segkit experiment run chapter/trial --arms plain --draws 1 --setting n_labelled=2"
    )
    assert record["split"] == PREPARED.split.hash
    assert record["evaluation"]["groups"] == [g for g in PREPARED.split.test for _ in range(2)]
    assert record["evaluation"]["units"] == {"dice": "1", "hd95_mm": "mm"}
    assert len(record["train_cases"]) == 4  # two patients with two images each
    assert record["history"]["update"] == [1, 2, 3, 4, 5, 6]
    assert record["parameters"] == 4 * 9 + 4 + 2 * 4 * 9 + 2
    assert (record["updates"], record["precision"]) == (6, "32-true")
    assert table_rows([record])[0]["cases"] == 6


def test_the_same_run_gives_the_same_numbers_and_another_draw_others():
    first, again, other = (run_one(tiny.PLAN, PREPARED, "plain", draw, SETTING) for draw in (0, 0, 1))
    salted = run_one(tiny.PLAN, PREPARED, "again", 0, SETTING)
    assert first["evaluation"] == again["evaluation"]
    assert first["history"] == again["history"]
    assert other["history"]["loss"] != first["history"]["loss"] != salted["history"]["loss"]
    assert salted["train_cases"] == first["train_cases"] != other["train_cases"]


def test_all_arms_of_a_draw_start_alike_and_a_salted_arm_does_not():
    draws = {
        name: make_draw(tiny.PLAN, PREPARED, 0, SETTING, salt=arm.salt)
        for name, arm in tiny.PLAN.arms.items()
    }
    weights = {name: tiny.supervised(draw).net[0].weight for name, draw in draws.items()}
    batch = {name: tiny.batches(draw)[0]["image"] for name, draw in draws.items()}
    for of_arm in (weights, batch):
        assert torch.equal(of_arm["plain"], of_arm["weighted"])
        assert not torch.equal(of_arm["plain"], of_arm["again"])
    assert [c.id for c in draws["plain"].train] == [c.id for c in draws["again"].train]


def test_building_a_module_leaves_the_global_generator_alone():
    draw = Draw(index=0, setting={}, train=(), unlabelled=(), n_classes=2)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    draw.module(lambda: torch.nn.Linear(2, 2))
    assert torch.equal(torch.rand(1), expected)
    assert draw.seed("weights") != draw.seed("batches") != Draw(1, {}, (), (), 2).seed("batches")


def test_labelled_cases_are_nested_and_the_rest_loses_its_labels():
    two, four = (make_draw(tiny.PLAN, PREPARED, 3, {"n_labelled": n}) for n in (2, 4))
    assert {c.id for c in two.train} < {c.id for c in four.train}
    assert {c.id for c in two.train} | {c.id for c in two.unlabelled} == {
        c.id for c in PREPARED.of(PREPARED.split.train)
    }
    assert all(c.label is None for c in two.unlabelled)
    everything = make_draw(tiny.PLAN, PREPARED, 3, {})
    assert len(everything.train) == 14
    assert everything.unlabelled == ()


def flip_some(case, generator, setting):
    flips = torch.rand(case.label.shape, generator=generator) < setting["noise"]
    return replace(case, label=torch.where(flips, 1 - case.label, case.label))


def test_label_noise_belongs_to_draw_and_case_and_spares_the_test_part():
    noisy = replace(tiny.PLAN, noise=flip_some, settings=({"n_labelled": 2, "noise": 0.2},))
    two, four = (make_draw(noisy, PREPARED, 0, {"n_labelled": n, "noise": 0.2}) for n in (2, 4))
    other = make_draw(noisy, PREPARED, 0, {"n_labelled": 4, "noise": 0.2}, salt="again")
    clean = {case.id: case.label for case in PREPARED.cases}
    in_four = {case.id: case.label for case in four.train}
    for case in two.train:
        assert 0.05 < (case.label != clean[case.id]).float().mean() < 0.4
        assert torch.equal(case.label, in_four[case.id])
    assert all(torch.equal(c.label, in_four[c.id]) for c in other.train)
    assert torch.equal(prepare(tiny.PLAN).cases[0].label, PREPARED.cases[0].label)


def test_a_setting_can_change_the_budget_and_watched_cases_make_a_curve():
    plan = replace(tiny.PLAN, watched=2, updates=40)
    record = run_one(plan, PREPARED, "plain", 0, {"n_labelled": 2, "updates": 60})
    validate_record(record)
    assert record["updates"] == 60
    assert len(record["history"]["update"]) == 20
    assert record["history"]["validation"]["update"] == list(range(3, 61, 3))
    assert record["history"]["loss"][-1] < record["history"]["loss"][0]


def test_the_validation_part_is_measured_on_request():
    record = run_one(tiny.PLAN, PREPARED, "plain", 0, SETTING, part="validation")
    assert set(record["evaluation"]["groups"]) == set(PREPARED.split.validation)
    assert record["part"] == "validation"
    assert record["command"].endswith("--part validation")


def test_the_digest_sees_every_voxel_and_label():
    case = PREPARED.cases[0]
    changed_image = replace(case, image=case.image + torch.eye(16)[None] * 1e-6)
    changed_label = replace(case, label=1 - case.label)
    digests = {Prepared((each,), PREPARED.split).digest for each in (case, changed_image, changed_label)}
    assert len(digests) == 3
    assert Prepared((replace(case),), PREPARED.split).digest in digests


def test_prepared_data_without_a_patient_of_the_split_are_refused():
    few = Prepared(PREPARED.cases[:4], PREPARED.split)
    with pytest.raises(DataError, match="lack the patients"):
        run_one(tiny.PLAN, few, "plain", 0, SETTING)


def test_a_plan_is_checked_when_it_is_written():
    with pytest.raises(ConfigError, match="did you mean 'plain'"):
        replace(tiny.PLAN, baseline="plane")
    with pytest.raises(ConfigError, match="comma"):
        replace(tiny.PLAN, arms={**tiny.PLAN.arms, "one, two": tiny.PLAN.arms["plain"]})
    with pytest.raises(ConfigError, match="different from each other"):
        replace(tiny.PLAN, settings=({"a": 1}, {"a": 1}))
    with pytest.raises(ConfigError, match="unknown arm of chapter/trial 'wieghted': did you mean 'weighted'"):
        tiny.PLAN.arm("wieghted")


def test_the_fingerprint_follows_every_number_but_not_other_arms():
    plan = tiny.PLAN
    original = plan.fingerprint("plain")
    more = {**plan.arms, "third": plan.arms["weighted"]}
    assert replace(plan, arms=more).fingerprint("plain") == original
    assert replace(plan, draws=range(50), settings=({},)).fingerprint("plain") == original
    changed = [
        replace(plan, updates=7),
        replace(plan, training={"lr": 2e-2}),
        replace(plan, batches=partial(tiny.batches, size=3)),
        replace(plan, noise=flip_some),
        replace(plan, arms={"plain": replace(plan.arms["plain"], training={"lr": 1.0})}),
    ]
    assert len({original} | {each.fingerprint("plain") for each in changed}) == 6
    assert plan.fingerprint("plain") != plan.fingerprint("weighted") != plan.fingerprint("again")
