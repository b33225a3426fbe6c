"""The defect as the notebook shows it, what it measures, and repairs that need not look like ours."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn

from segkit.exercises import check
from segkit.exercises.coarse_refined.moving_average import (
    RIGHT,
    _follow,
    _net,
    _on_nets,
    _state,
    snippet,
)
from segkit.nets import UNet
from segkit.train import EMA

NAME = "coarse_refined.moving_average"
NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "exercises" / "coarse_refined_solutions.ipynb"


def test_the_notebook_shows_the_defect_that_is_judged():
    cells = {cell["id"]: cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]}
    namespace = {"torch": torch}
    exec("".join(cells["moving-average-defect"]["source"]), namespace)
    for iteration in (0, 1, 30):
        shown, ours = (_on_nets(each, [])(iteration, 0.99) for each in (namespace["follow"], snippet))
        assert torch.equal(shown, ours)


def test_the_prediction_is_what_the_defect_does():
    torch.manual_seed(0)
    student = UNet(2, 1, 4, (4, 8))
    teacher = snippet(deepcopy(student).requires_grad_(False), student, 0)
    assert max(float(each.abs().max()) for each in teacher.parameters()) == RIGHT["largest weight"]
    p = teacher(torch.randn(1, 1, 8, 8)).softmax(1)
    assert float(-(p * p.log()).sum(1).mean() / math.log(4)) == pytest.approx(RIGHT["entropy"])
    certain = torch.eye(4)[0].view(1, 4, 1, 1)
    assert float((certain - p).square().sum(1).mean()) == pytest.approx(RIGHT["distance"])
    fading = nn.Linear(1, 1, bias=False).requires_grad_(False)
    before = float(fading.weight)
    for _ in range(500):
        snippet(fading, nn.Linear(1, 1, bias=False), 10**6)
    assert float(fading.weight) / before == pytest.approx(RIGHT["share left"], rel=1e-3)


@pytest.mark.parametrize("iteration", [0, 1, 5, 400])
def test_the_oracle_is_the_librarys_average(iteration):
    average = EMA(_net(0), 0.9)
    average.update(_net(1), iteration)
    torch.testing.assert_close(_on_nets(_follow, [])(iteration, 0.9).float(), _state(average.module).float())


def test_the_nets_differ_in_all_that_is_averaged():
    for one, two in zip(_net(0).state_dict().values(), _net(1).state_dict().values(), strict=True):
        assert not torch.equal(one, two)


@torch.no_grad()
def by_lerp(teacher, student, iteration, decay):
    share = 1 - min(decay, 1 - 1 / (iteration + 1))
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.lerp_(fast, share)
    for slow, fast in zip(teacher.buffers(), student.buffers(), strict=True):
        slow.lerp_(fast, share) if slow.is_floating_point() else slow.copy_(fast)
    return teacher


def by_state(teacher, student, iteration, decay):
    a, theirs = min(decay, 1 - 1 / (iteration + 1)), student.state_dict()
    mixed = {name: a * mine + (1 - a) * theirs[name] for name, mine in teacher.state_dict().items()}
    counters = {name: value for name, value in theirs.items() if not value.is_floating_point()}
    teacher.load_state_dict(mixed | counters)
    return teacher


def by_data(teacher, student, iteration, decay):
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        a = min(decay, 1 - 1 / (iteration + 1))
        slow.data = a * slow.data + (1 - a) * fast.data
    for (name, slow), fast in zip(teacher.named_buffers(), student.buffers(), strict=True):
        slow.copy_(fast if "num_batches" in name else a * slow + (1 - a) * fast)
    return teacher


@pytest.mark.parametrize("repaired", [by_lerp, by_state, by_data])
def test_other_right_answers(repaired):
    assert check(NAME, (RIGHT, repaired))
    assert check(NAME, ({**RIGHT, "share left": 0.0066, "distance": torch.tensor(0.75)}, repaired))


def silently(teacher, student, iteration, decay):
    _follow(teacher, student, iteration, decay)


def a_copy(teacher, student, iteration, decay):
    return _follow(deepcopy(teacher), student, iteration, decay)


@torch.no_grad()
def moving_both(teacher, student, iteration, decay):
    _follow(teacher, student, iteration, decay)
    for each in student.parameters():
        each.mul_(2)
    return teacher


@torch.no_grad()
def counting(teacher, student, iteration, decay):
    for slow, fast in zip(teacher.state_dict().values(), student.state_dict().values(), strict=True):
        slow.mul_(decay).add_(fast, alpha=1 - decay)
    return teacher


def early(teacher, student, iteration, decay):
    return _follow(teacher, student, iteration, decay, alpha=lambda t, decay: min(decay, 1 - 1 / t))


@pytest.mark.parametrize(
    ("repaired", "hint"),
    [
        (silently, "in place, and return it"),
        (a_copy, "in place, and return it"),
        (moving_both, "The student has changed"),
        (counting, "RuntimeError"),
        (early, "ZeroDivisionError"),
        (lambda *each: 0.5, "in place, and return it"),
        (0.5, "without calling it"),
    ],
    ids=["silent", "copy", "both", "counters", "early", "number", "no function"],
)
def test_other_repairs(repaired, hint):
    assert hint in check(NAME, (RIGHT, repaired)).hint


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("largest weight", 1.0, "For 'largest weight', 1 is not right"),
        ("distance", 0.0, "The teacher is not where the student is"),
        ("distance", 1.0, "For 'distance', 1 is not right. p_s is 1 for one class"),
        ("share left", 0.0, "For 'share left', 0 is not right. Each update multiplies"),
    ],
)
def test_other_predictions(name, value, hint):
    assert hint in check(NAME, ({**RIGHT, name: value}, _follow)).hint


@pytest.mark.parametrize("half", [(..., _follow), (RIGHT, ...), (RIGHT, lambda *each: None)])
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("What does each of the two operations")
