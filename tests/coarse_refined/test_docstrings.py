"""What is cited can be looked up, and the losses say what a loss has to say."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import segkit.coarse_refined as room
from segkit.coarse_refined import baselines
from tests.losses.test_docstrings import BIBLIOGRAPHY, SECTIONS, sections

LOSSES = (
    "coarse_refined_consistency",
    "ranked_list_loss",
    "intra_patch_ranked_loss",
    "inter_patch_ranked_loss",
)


def test_every_cited_work_is_in_the_bibliography():
    known = set(re.findall(r"@\w+\{(\w+),", BIBLIOGRAPHY.read_text("utf-8")))
    files = sorted(Path(room.__file__).parent.rglob("*.py"))
    cited = {key for file in files for key in re.findall(r"\[([a-z]+\d{4}\w+)\]", file.read_text("utf-8"))}
    assert len(cited) > 10
    assert cited <= known


@pytest.mark.parametrize("name", sorted(set(baselines.__all__) - {"ZeroWeight"}))
def test_every_baseline_cites_its_source(name):
    assert re.search(r"\[[a-z]+\d{4}\w+\]", getattr(baselines, name).__doc__)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_describes_itself(name):
    text = inspect.cleandoc(getattr(room, name).__doc__)
    found = sections(text)
    assert text.startswith("Small ")
    assert found[""].count("$$") == 2
    assert tuple(found)[1:] == tuple(part for part in SECTIONS if part in found)
    assert set(SECTIONS) - {"Differs from"} <= found.keys()
    assert "perfect prediction" in found["Returns"]
    assert "mean" in found["Returns"]
    assert "O(" in found["Cost"]
