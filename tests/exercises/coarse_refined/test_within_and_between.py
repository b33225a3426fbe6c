"""Shares of pairs counted one by one, what the notebook shows, and what its text says about thresholds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.exercises import check
from segkit.exercises.coarse_refined.within_and_between import (
    CHANGES,
    RIGHT,
    SCORES,
    TARGETS,
    _inputs,
    _shares,
)

NAME = "coarse_refined.within_and_between"
NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "exercises" / "coarse_refined_solutions.ipynb"


def by_loops(scores, targets):
    wrong, count = [0.0, 0.0], [0, 0]
    for p in range(len(scores)):
        for q in range(len(scores)):
            for a in scores[p][targets[p]].tolist():
                for b in scores[q][~targets[q]].tolist():
                    wrong[p != q] += 1.0 if b > a else 0.5 if b == a else 0.0
                    count[p != q] += 1
    return wrong[0] / max(1, count[0]), wrong[1] / max(1, count[1])


def test_the_notebook_shows_the_changes_that_are_judged():
    cells = {cell["id"]: cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]}
    namespace = {"torch": torch}
    exec("".join(cells["within-and-between-toy"]["source"]), namespace)
    assert torch.equal(namespace["toy"], SCORES) and torch.equal(namespace["toy_targets"], TARGETS)
    assert list(namespace["changes"]) == list(CHANGES)
    for name, change in CHANGES.items():
        assert torch.equal(namespace["changes"][name](SCORES), change(SCORES))


def test_the_prediction_is_counted():
    assert _shares(SCORES, TARGETS) == (0, 0)
    for name, change in CHANGES.items():
        assert by_loops(change(SCORES), TARGETS) == RIGHT[name]


@pytest.mark.parametrize("case", _inputs())
def test_the_oracle_counts_all_pairs(case):
    assert tuple(map(float, _shares(*case))) == pytest.approx(by_loops(*case))


def test_inputs_have_ties_uneven_sides_and_a_patch_with_one_side():
    assert any(targets.all(1).any() for _, targets in _inputs())
    assert all(len(set(targets.sum(1).tolist())) > 1 for _, targets in _inputs())
    assert all(len(scores.unique()) < scores.numel() for scores, _ in _inputs())


@given(st.integers(0, 10_000), st.floats(0.1, 10), st.floats(-20, 20))
def test_gain_and_offset_of_a_patch_change_nothing_within(seed, gain, offset):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    targets = torch.rand(3, 6, generator=generator) < 0.5
    other = torch.cat([gain * scores[:1] + offset, scores[1:]])
    assert _shares(scores, targets)[0] == _shares(other, targets)[0]


@given(st.integers(0, 10_000))
def test_no_pair_is_wrong_just_where_one_threshold_does(seed):
    generator = torch.Generator().manual_seed(seed)
    targets = torch.rand(2, 4, generator=generator) < 0.5
    targets[:, 0], targets[:, 1] = True, False
    scores = torch.randint(5, (2, 4), generator=generator) + 3.0 * targets
    own = all(s[f].min() > s[~f].max() for s, f in zip(scores, targets, strict=True))
    one = bool(scores[targets].min() > scores[~targets].max())
    within, between = _shares(scores, targets)
    assert (within == 0) == own
    assert (within + between == 0) == one


def test_loops_are_an_answer():
    assert check(NAME, ({name: list(pair) for name, pair in RIGHT.items()}, by_loops))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (_shares, "Pass all parts to check(): (predicted, shares)"),
        (({}, _shares), "`predicted`: A dictionary with the keys"),
        (({**RIGHT, "fainter": (0, 0)}, _shares), "go through these pairs"),
        (({**RIGHT, "inverted": (0.5, 1)}, _shares), "F of the first patch is above everything"),
        (({**RIGHT, "brighter": (0.5, 0.5)}, _shares), "which order has changed there"),
        (({**RIGHT, "both brighter": (0, 1)}, _shares), "(0, 1) is not right"),
        ((RIGHT, lambda s, f: 0.5), "shape () where (2,)"),
        ((RIGHT, lambda s, f: (0.0, 0.0)), "yours gives 0"),
        ((RIGHT, lambda s, f: ("none", "none")), "Numbers are expected"),
        ((RIGHT, lambda s: (0, 0)), "TypeError"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize("half", [(..., _shares), (RIGHT, ...), (RIGHT, lambda s, f: None)])
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("List the pairs")
