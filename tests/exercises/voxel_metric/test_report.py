"""Every statement of the made-up experiment has its answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

from segkit.exercises import check
from segkit.exercises.voxel_metric.report import FLAWS, KEYS, SOUND

NAME = "voxel_metric.criticise_experiment"
NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "exercises" / "voxel_metric_solutions.ipynb"


def test_each_statement_of_the_notebook_is_a_flaw_or_sound():
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]}
    text = cells["criticise-experiment-text"]
    assert "".join(re.findall(r"^> \*\*([A-Z])\.\*\*", text, re.MULTILINE)) == KEYS
    assert sorted([*FLAWS, *SOUND]) == list(KEYS)
    assert "no such experiment was run" in text


def test_what_is_missing_and_what_is_wrong_is_told():
    assert check(NAME, ", ".join(FLAWS))
    for flaw, question in FLAWS.items():
        assert check(NAME, set(FLAWS) - {flaw}).hint == f"1 flaw is still hidden. {question}"
    for key, reason in SOUND.items():
        assert check(NAME, {*FLAWS, key}).hint == reason
    assert check(NAME, set()).hint.startswith(f"{len(FLAWS)} flaws are still hidden.")
    assert "X is none of the choices" in check(NAME, "BX").hint
