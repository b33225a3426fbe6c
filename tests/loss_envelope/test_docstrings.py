"""The docstrings of this room's losses say what those of `segkit.losses` say, in the same order."""

from __future__ import annotations

import pytest

from tests.loss_envelope.registry import PEERS
from tests.losses.test_docstrings import complaints

FUNCTIONS = {each.function.__name__: each.function for each in PEERS}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_is_complete(name):
    assert complaints(FUNCTIONS[name]) == []
