"""The test of the tests: each planted fault must be rejected by the property that is there for it."""

from __future__ import annotations

import inspect
from dataclasses import replace
from types import ModuleType

import pytest

from segkit.losses import combined, region, softmax
from tests.losses.mutants import FAULTS, mutant, plain
from tests.losses.registry import entry

# The mutants are written in ordinary operations, which keep more maps than the loss of the library.
PRETENDED = replace(entry("dice_ce"), maps=6.0)


def test_without_a_fault_the_battery_passes():
    for _, check in PRETENDED.checks(plain):
        check()


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault):
    checks = dict(PRETENDED.checks(mutant(fault)))
    with pytest.raises((AssertionError, RuntimeError)):
        checks[FAULTS[fault]]()


def test_every_property_finds_a_fault():
    """A property that rejects nothing would be no test."""
    named = {name for name, _ in PRETENDED.checks()}
    assert named - set(FAULTS.values()) == {"ignored_values_are_zero"}  # an edit below is for that one


EDITS = {
    "the sign of −log p": (".neg_()", ""),
    "the mask of the probabilities": ("probs.masked_fill_(ignored[:, None], 0)", "pass"),
    "the mask of −log p": ("for each in (nll, of_label):", "for each in (of_label,):"),
    "the square of the mass": ("probs.square() if squared else probs", "probs"),
    "the 2 of the square": ("2 * grad_mass if ctx.squared", "grad_mass if ctx.squared"),
    "the p of the square": ("grad = grad.mul_(probs)", "pass"),
    "the mask of the gradient": ("grad_nll = grad_nll.masked_fill(ctx.ignored, 0)", "pass"),
    "what the classes share": (".sub_(grad.sum(1))", ""),
    "the −y of cross-entropy": ("pull.sub_(grad_nll)", "pull"),
    "the gradient of the overlap": ("pull.sub_(grad_nll)", "-grad_nll"),
}


CHECKS = {
    "matches_oracle",
    "gradient_is_right",
    "gradient_is_right_beside_ignored",
    "ignored_values_are_zero",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_written_gradient_is_found(edit, monkeypatch):
    """Change one expression of `segkit.losses.softmax`; a registered loss must fail."""
    source = inspect.getsource(softmax)
    old, new = EDITS[edit]
    assert source.count(old) == 1
    edited = ModuleType("edited")
    exec(source.replace(old, new), edited.__dict__)
    for module in (region, combined):
        monkeypatch.setattr(module, "softmax_terms", edited.softmax_terms)

    found = []
    for name in ("dice_ce", "soft_dice_vnet"):
        checks = dict(entry(name).checks())
        for check in CHECKS & checks.keys():
            try:
                checks[check]()
            except (AssertionError, RuntimeError):
                found.append((name, check))
    assert found
