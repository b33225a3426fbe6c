"""The docstrings of this room's losses say what those of `segkit.losses` say, in the same order."""

from __future__ import annotations

import inspect
import re

import pytest

from segkit.voxel_metric import (
    circle,
    info_nce,
    lifted_structure,
    multi_similarity,
    sup_con,
    triplet_pair,
)
from tests.losses.test_docstrings import SECTIONS, sections

LOSSES = [circle, info_nce, lifted_structure, multi_similarity, sup_con, triplet_pair]


@pytest.mark.parametrize("function", LOSSES, ids=lambda each: each.__name__)
def test_a_loss_describes_itself(function):
    found = sections(inspect.cleandoc(function.__doc__))
    assert found[""].startswith("Small where")
    assert tuple(found)[1:] == SECTIONS
    assert found[""].count("$$") == 2
    assert re.search(r"\[[a-z]+\d{4}\w+\]", found[""])
    assert all(f"    {name}: " in found["Args"] for name in inspect.signature(function).parameters)
    assert "(M, d)" in found["Args"] and "(M,)" in found["Args"]
    returns = " ".join(found["Returns"].split())
    assert "perfect" in returns and "mean" in returns.lower()
    assert "value" in found["Empty and ignored"] and "gradient" in found["Empty and ignored"]
    assert "O(" in found["Cost"] and "map" in found["Cost"]
    assert ">>> " in found["Example"]
