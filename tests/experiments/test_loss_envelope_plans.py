"""The experiments of chapter 4: every loss trains, and every arm starts from the same place."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from segkit.data import Case, make_split, phantoms
from segkit.experiments import make_draw, prepare, run_one
from segkit.experiments.plans import _acdc as acdc
from segkit.experiments.plans import _hc18 as hc18
from segkit.experiments.plans import find_plan
from segkit.experiments.plans.loss_envelope import CHOSEN, Choice, terms
from segkit.losses import CrossEntropyLoss


def hearts(name: str) -> list[Case]:
    return [acdc.heart_frame(case) for case in phantoms("cardiac_short_axis", 6)]


def split(name: str):
    return make_split([case.group for case in hearts(name)], (4, 1, 1), seed=0)


def small(name: str, **changes):
    return replace(find_plan(f"loss_envelope/{name}"), prepare=hearts, split=split, updates=1, **changes)


@pytest.fixture(scope="module")
def prepared():
    return prepare(small("noise"))


@pytest.mark.parametrize("loss", ["plain", *CHOSEN])
def test_every_loss_of_the_chapter_trains(loss, prepared):
    plan = small("noise", metrics=("dice",))
    record = run_one(plan, prepared, loss, 0, {"n_labelled": 2, "noise": "drop", "rate": 0.8})
    assert record["arm"] == loss
    assert len(record["evaluation"]["cases"]) == 1


def test_all_arms_of_a_draw_see_the_same_faulty_slices(prepared):
    plan = find_plan("loss_envelope/noise")
    setting = {"n_labelled": 2, "noise": "drop", "rate": 1.0}
    draws = [make_draw(small("noise"), prepared, 0, setting) for _ in range(2)]
    batches = [plan.batches(draw)[0] for draw in draws]
    assert torch.equal(batches[0]["label"], batches[1]["label"])
    nets = [plan.arms[arm].method(draw).net for arm, draw in zip(("plain", "both"), draws, strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True))


def test_faults_are_put_in_slice_by_slice_and_none_where_none_is_asked_for():
    case, generator = hearts("")[0], torch.Generator().manual_seed(0)
    assert acdc.noisy_slices(case, generator, {"noise": "none"}) is case
    faulty = acdc.noisy_slices(case, generator, {"noise": "drop", "rate": 1.0})
    lost = ((case.label > 0) & (faulty.label == 0)).flatten(1).sum(1)
    assert (lost[(case.label > 0).flatten(1).any(1)] > 0).all()
    assert int((faulty.label > 0)[case.label == 0].sum()) == 0


def test_a_heart_stands_in_the_middle_of_its_frame():
    for case in hearts(""):
        inside = (case.label > 0).nonzero()[:, 1:].float()
        middle = (inside.amin(0) + inside.amax(0)) / 2
        assert (middle - (acdc.HEART_GRID - 1) / 2).abs().max() <= 1


def test_the_image_in_two_contrasts_is_the_same_patient(monkeypatch):
    monkeypatch.setattr(acdc, "around_heart", hearts)
    both = acdc.in_two_contrasts("")
    assert len({case.group for case in both}) == 6
    assert torch.equal(both[0].image, -both[1].image)
    assert both[1].id == both[0].id + acdc.INVERTED


def test_the_ultrasound_grid_holds_every_image():
    assert hc18.FRAME[0] / hc18.GRID[0] == pytest.approx(hc18.FRAME[1] / hc18.GRID[1], rel=0.02)


def test_the_words_of_an_arm_tell_its_number_and_its_options():
    words = CHOSEN["both"].arm().description
    assert "beyond 1 sd" in words and "weight 4" in words and "top_k 0.5" in words


def test_choices_are_made_on_draws_and_cases_that_no_table_sees():
    tables = find_plan("loss_envelope/noise")
    for name in ("choices", "forms", "weights"):
        plan = find_plan(f"loss_envelope/{name}")
        assert plan.part == "validation" and tables.part == "test"
        assert not set(plan.draw_numbers) & set(tables.draw_numbers)


def test_plain_is_cross_entropy_and_dice():
    built = terms("plain", 0.0, 4, {})
    assert list(built) == ["entropy", "dice"] and isinstance(built["entropy"], CrossEntropyLoss)
    assert list(terms(*Choice("share", 0.1)[:2], 4, {})) == ["envelope"]
