"""Every statement about the made-up table has its answer, and the table bears the hints out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from segkit.exercises import check
from segkit.exercises.coarse_refined.table import (
    DIAGONAL,
    FLAWS,
    KEYS,
    SOUND,
    STRUCTURES,
    TABLE,
    _corrected,
)

NAME = "coarse_refined.criticise_table"
NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "exercises" / "coarse_refined_solutions.ipynb"


@pytest.fixture(scope="module")
def cells():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}


def test_the_notebook_shows_the_table_and_the_statements_that_are_judged(cells):
    namespace = {}
    exec(cells["criticise-table-numbers"], namespace)
    assert namespace["table"] == TABLE
    text = cells["criticise-table-text"]
    assert "".join(re.findall(r"^> \*\*([A-Z])\.\*\*", text, re.MULTILINE)) == KEYS
    assert sorted([*FLAWS, *SOUND]) == list(KEYS)
    assert "no such experiment was run" in text


def test_the_table_bears_the_hints_out():
    updates, dice, hd95, missed = (
        dict(zip(TABLE, column, strict=True)) for column in zip(*TABLE.values(), strict=True)
    )
    assert min(hd95, key=hd95.get) == min(dice, key=dice.get) == max(missed, key=missed.get), "C"
    assert (updates["supervised"], updates["ours"]) == (40 // 8 * 200, 960 // 8 * 200), "D"
    after = {arm: _corrected(hd95[arm], missed[arm], STRUCTURES, DIAGONAL) for arm in TABLE}
    assert min(after, key=after.get) == max(dice, key=dice.get)
    assert max(after, key=after.get) == "supervised"


def test_the_correction_is_the_mean_that_it_says():
    found = np.array([2.0, 5.0, 3.0])
    zeros, worst = np.append(found, [0, 0]), np.append(found, [90, 90])
    assert _corrected(zeros.mean(), 2, 5, 90.0) == pytest.approx(worst.mean())


def test_a_long_way_is_an_answer():
    def corrected(hd95, missed, structures, worst):
        return np.float64((hd95 * structures + missed * worst) / structures)

    assert check(NAME, (corrected, ", ".join(FLAWS)))


@pytest.mark.parametrize(
    ("corrected", "hint"),
    [
        (lambda h, m, n, w: (h * n / (n - m) * (n - m) + m * w) / n, "ZeroDivisionError"),
        (lambda h, m, n, w: w, "expected"),
        (lambda h, m, n, w: "more", "Numbers are expected"),
        (5.2, "without calling it"),
    ],
)
def test_other_corrections(corrected, hint):
    assert hint in check(NAME, (corrected, set(FLAWS))).hint
    assert check(NAME, (corrected, set(FLAWS))).hint.startswith("`corrected`: ")


def test_what_is_missing_and_what_is_wrong_is_told():
    for flaw, question in FLAWS.items():
        assert check(NAME, (_corrected, set(FLAWS) - {flaw})).hint == f"1 flaw is still hidden. {question}"
    for key, reason in SOUND.items():
        assert check(NAME, (_corrected, {*FLAWS, key})).hint == reason
    assert check(NAME, (_corrected, set())).hint.startswith("7 flaws are still hidden.")
    assert "X is none of the choices" in check(NAME, (_corrected, "BX")).hint


@pytest.mark.parametrize("half", [(..., "B"), (_corrected, ...), (lambda *each: None, "B")])
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("A mean over 240 structures")
