"""The docstrings of this room's losses say what those of `segkit.losses` say, in the same order."""

from __future__ import annotations

import inspect
import re

import pytest

from segkit.local_ssl import (
    dense_contrast,
    local_consistency,
    local_info_nce,
    nt_xent,
    pixel_consistency,
    restoration_error,
    vicreg_terms,
)
from tests.losses.test_docstrings import BIBLIOGRAPHY, SECTIONS, sections

LOSSES = [
    dense_contrast,
    local_consistency,
    local_info_nce,
    nt_xent,
    pixel_consistency,
    restoration_error,
    vicreg_terms,
]


@pytest.mark.parametrize("function", LOSSES, ids=lambda each: each.__name__)
def test_docstring_is_complete(function):
    text = inspect.cleandoc(function.__doc__ or "")
    found = sections(text)
    assert text.startswith("Small where")
    assert tuple(found)[1:] == SECTIONS
    assert found[""].count("$$") == 2
    keys = re.findall(r"\[(\w+\d{4}\w*)\]", text)
    assert keys and all(f"{{{key}," in BIBLIOGRAPHY.read_text("utf-8") for key in keys)
    assert all(f"    {name}: " in found["Args"] for name in inspect.signature(function).parameters)
    returns = " ".join(found["Returns"].split())
    assert "perfect prediction" in returns and "mean" in returns.lower()
    assert "value" in found["Empty and ignored"]
    assert "O(" in found["Cost"] and "map" in found["Cost"]
    assert ">>> " in found["Example"]
