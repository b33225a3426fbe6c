"""Both gradients against automatic differentiation, and the letters against a step along them."""

from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import ranked_list_loss
from segkit.exercises import check
from segkit.exercises.coarse_refined.list_slopes import (
    ALPHA,
    DISTANCES,
    EMPTY,
    PULLED,
    PUSHED,
    TEMPERATURE,
    _by_library,
    _by_machine,
    _inputs,
    _slopes,
)

NAME = "coarse_refined.list_slopes"


@pytest.mark.parametrize("case", _inputs())
def test_derivation_and_differentiation_agree_and_the_library_is_detached(case):
    for found, wanted in zip(_slopes(*case), _by_machine(*case), strict=True):
        torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(_by_library(*case)[0], _slopes(*case)[0])


def test_the_value_is_the_librarys():
    anchor, negatives, alpha, t = _inputs()[0]
    e = (alpha - (negatives - anchor).norm(dim=1)).clamp(min=0)
    weight = (t * e).exp() * (e > 0)
    labels = torch.zeros(1, dtype=torch.int64), torch.ones(len(negatives), dtype=torch.int64)
    found = ranked_list_loss(
        anchor[None], labels[0], others=negatives, other_labels=labels[1], alpha=alpha, t_neg=t, beta=1.0
    )
    assert float(found) == pytest.approx(float((weight * e).sum() / weight.sum()))


def test_inputs_have_negatives_in_and_outside_and_some_that_are_pulled():
    pulled = []
    for anchor, negatives, alpha, t in _inputs():
        near = (negatives - anchor).norm(dim=1) < alpha
        assert near.any() and not near.all()
        towards = (_slopes(anchor, negatives, alpha, t)[1] * (negatives - anchor)).sum(1)
        pulled.append(bool((towards > 1e-3).any()))
    assert any(pulled) and not all(pulled)  # with equal weights and T = 0 none is


def test_the_letters_are_those_that_a_step_brings_nearer():
    place = torch.tensor(list(DISTANCES.values()), dtype=torch.float64)[:, None]
    origin = torch.zeros(1, dtype=torch.float64)
    for which, wanted in ((0, set()), (1, set(PULLED))):
        step = -0.01 * _slopes(origin, place, ALPHA, TEMPERATURE)[which]
        assert {key for key, move in zip(DISTANCES, step, strict=True) if move < 0} == wanted
    assert sorted([*PULLED, *PUSHED]) == sorted(DISTANCES)


def by_loops(anchor, negatives, alpha, temperature):
    d = [float((row - anchor).norm()) for row in negatives]
    near = [j for j in range(len(d)) if d[j] < alpha]
    both = torch.zeros(2, *negatives.shape, dtype=negatives.dtype)
    total = sum(2.718281828459045 ** (temperature * (alpha - d[j])) for j in near)
    weight = {j: 2.718281828459045 ** (temperature * (alpha - d[j])) / total for j in near}
    loss = sum(weight[j] * (alpha - d[j]) for j in near)
    for j in near:
        both[0, j] = -weight[j] * (negatives[j] - anchor) / d[j]
        both[1, j] = both[0, j] * (1 + temperature * (alpha - d[j] - loss))
    return both


def test_loops_in_one_tensor_are_an_answer():
    assert check(NAME, (by_loops, "b, c, d"))
    assert check(NAME, (lambda *each: [each.tolist() for each in _slopes(*each)], ["D", "C", "B"]))


def without_empty(anchor, negatives, alpha, temperature):
    if float((negatives - anchor).norm(dim=1).min()) >= alpha:
        raise ValueError("no list")
    return _slopes(anchor, negatives, alpha, temperature)


@pytest.mark.parametrize(
    ("slopes", "hint"),
    [
        (lambda *each: _slopes(*each)[0], "shape (9, 3) where (2, 9, 3)"),
        (lambda *each: torch.zeros(2, *each[1].shape), "yours gives 0 at"),
        (lambda *each: "slopes", "Numbers are expected"),
        (without_empty, "ValueError"),
        (3, "without calling it"),
    ],
    ids=["one", "zeros", "text", "raises", "number"],
)
def test_other_slopes(slopes, hint):
    assert hint in check(NAME, (slopes, set(PULLED))).hint
    assert check(NAME, (slopes, set(PULLED))).hint.startswith("`list_slopes`: ")


def test_what_is_missing_and_what_is_wrong_is_told():
    for letter, question in PULLED.items():
        assert check(NAME, (_slopes, set(PULLED) - {letter})).hint == f"1 of them is missing. {question}"
    for letter, reason in PUSHED.items():
        assert check(NAME, (_slopes, {*PULLED, letter})).hint == reason
    assert check(NAME, (_slopes, set())).hint.startswith("3 of them are missing.")
    assert "F is none of the choices" in check(NAME, (_slopes, "BCDF")).hint
    assert EMPTY.startswith("Where no negative is nearer")


@pytest.mark.parametrize("half", [(..., "BCD"), (_slopes, ...), (lambda *each: None, "BCD")])
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("Write ℓ as a sum")
