"""Every property of DESIGN's battery, on every loss of the room."""

from __future__ import annotations

import pytest

from tests.loss_envelope.registry import REGISTRY

CASES = [pytest.param(check, id=f"{each.name}-{name}") for each in REGISTRY for name, check in each.checks()]


@pytest.mark.parametrize("check", CASES)
def test_property(check):
    check()
