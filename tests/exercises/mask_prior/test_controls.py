"""Control arms in other forms, and claims that follow from the table that the notebook shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from segkit.exercises import check
from segkit.exercises.mask_prior.arms import right_arms
from segkit.exercises.mask_prior.controls import FALLS, KEYS, STANDS, TABLE

NAME = "mask_prior.refuting_controls"
NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "exercises" / "mask_prior_solutions.ipynb"


@pytest.fixture(scope="module")
def cells():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}


def test_the_notebook_shows_the_table_that_is_judged(cells):
    namespace = {}
    exec(cells["refuting-controls-table"], namespace)
    assert namespace["table"] == TABLE


def test_each_claim_falls_or_stands(cells):
    text = cells["refuting-controls-claims"]
    assert "".join(re.findall(r"^> \*\*([A-Z])\.\*\*", text, re.MULTILINE)) == KEYS
    assert sorted([*FALLS, *STANDS]) == list(KEYS)
    assert "no such experiment was run" in text


def test_the_table_decides_as_the_hints_say():
    low = {arm: row[1] for arm, row in TABLE.items()}
    high = {arm: row[2] for arm, row in TABLE.items()}
    assert high["+ constant"] < low["+ mask"], "A"
    assert high["+ stranger's mask"] < 0, "B"
    assert high["+ place in the array"] < low["+ mask"] / 2, "C"
    assert low["+ box of the mask"] > high["+ mask"] / 2, "D"
    assert low["+ predicted mask"] < 0 < high["+ predicted mask"] < low["+ mask"], "E"
    assert low["mask alone"] > 0, "F"
    assert low["+ mask, all patients"] > 0, "G"
    for arm, (mean, lowest, highest) in TABLE.items():
        base = TABLE["image, all patients" if "all" in arm else "image"][0]
        assert lowest <= round(mean - base, 9) <= highest


def by_search(masks, patients):
    """Donors found one after the other, with a step back where none is left."""

    def fill(donors):
        if len(donors) == len(patients):
            return donors
        for j in range(len(patients)):
            if j not in donors and patients[j] != patients[len(donors)]:
                found = fill([*donors, j])
                if found:
                    return found
        return []

    return np.stack([masks.numpy()[j] for j in fill([])]), np.full(masks.shape, 0.5)


def in_one_tensor(masks, patients):
    return torch.stack(right_arms(masks, patients))


@pytest.mark.parametrize("arms", [by_search, in_one_tensor])
def test_arms_in_other_forms(arms):
    assert check(NAME, (arms, ", ".join(FALLS)))


@pytest.mark.parametrize(
    ("arms", "hint"),
    [
        (lambda m, p: (m.flip(0), torch.ones_like(m)), "image 2 keeps its own mask"),
        (lambda m, p: (right_arms(m, p)[0].flip(1), torch.ones_like(m)), "that nobody has"),
        (lambda m, p: (right_arms(m, p)[0], torch.ones(3)), "`constant`: The shape is (3,)"),
        (
            lambda m, p: (right_arms(m, p)[0][:1], torch.ones_like(m)),
            "`strangers`: The shape is (1, 6, 5, 4)",
        ),
        (lambda m, p: (right_arms(m, p)[0], torch.rand_like(m)), "differs from voxel to voxel"),
        (lambda m, p: right_arms(m, p)[:1], "Pass all parts to check(): (strangers, constant)"),
        (lambda m, p: m.no_such_thing, "AttributeError"),
    ],
    ids=["turned round", "mirrored", "small", "short", "noise", "one", "raises"],
)
def test_other_arms(arms, hint):
    assert hint in check(NAME, (arms, set(FALLS))).hint


def test_what_is_missing_and_what_is_wrong_is_told():
    assert check(NAME, (right_arms, "a, b, e, g"))
    for claim, question in FALLS.items():
        assert check(NAME, (right_arms, set(FALLS) - {claim})).hint == f"1 claim falls still. {question}"
    for claim, reason in STANDS.items():
        assert check(NAME, (right_arms, {*FALLS, claim})).hint == reason
    assert check(NAME, (right_arms, set())).hint.startswith("4 claims fall still.")
    assert "X is none of the choices" in check(NAME, (right_arms, "AX")).hint


@pytest.mark.parametrize("half", [(right_arms, ...), (lambda masks, patients: None, set(FALLS))])
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("Sort the images by patient")
