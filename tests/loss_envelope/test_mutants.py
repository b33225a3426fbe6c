"""The test of the tests: each fault planted in the room is found by the property that is there for it."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

from segkit.errors import SegkitError
from tests.helpers.editing import edit
from tests.loss_envelope import mutants
from tests.loss_envelope.registry import PEERS, entry

FAULTS = {
    "of_entropy": [
        ("rows.counts).to(", "None).to(", "focal", "ignoring_equals_removing_voxels"),
        (" = change(", " = 1 + change(", "focal", "ignored_values_are_zero"),
    ],
    "focusing": [
        ("(-torch.expm1(-entropy))", "entropy", "focal", "has_closed_form"),
        ("miss**gamma", "miss.detach()**gamma", "focal", "gradient_is_right"),
        (
            ".clamp(min=torch.finfo(entropy.dtype).tiny)",
            "",
            "focal_power_below_one",
            "large_logits_are_finite",
        ),
    ],
    "box_cox": [
        ("/ -q", "* -1", "generalized_cross_entropy", "has_closed_form"),
        ("(-q * entropy)", "(-q * entropy.float())", "generalized_cross_entropy", "matches_oracle"),
    ],
    "reversed_roles": [
        ("- pull *", "+ pull *", "symmetric_cross_entropy", "has_closed_form"),
        ("-beta *", "-", "symmetric_cross_entropy_other_weights", "matches_oracle"),
    ],
    "hardest": [
        (
            "int(rows.counts.sum())",
            "entropy.numel()",
            "top_k_cross_entropy",
            "ignoring_equals_removing_voxels",
        ),
        ("max(1, taken)", "taken", "top_k_cross_entropy_of_nnunet", "one_voxel_is_enough"),
        ("share * n + 1e-6", "share * n + 0.5", "top_k_cross_entropy", "matches_oracle"),
        ("(entropy.detach() > above).sum()", "0", "ohem", "matches_oracle"),
    ],
    "uncertain": [
        ("-math.log(threshold)", "threshold", "ohem", "matches_oracle"),
    ],
    "student_t": [
        ("torch.log1p(errors / nu)", "errors / nu", "t_loss", "matches_oracle"),
        ("(nu + d) / 2 * torch", "nu / 2 * torch", "t_loss", "has_closed_form"),
        ("/ d.clamp(min=1)", "/ d", "t_loss", "nothing_valid_is_zero"),
        (
            "rows.counts.sum(1)",
            "(rows.labels + 9).sign().sum(1)",
            "t_loss",
            "ignoring_equals_removing_voxels",
        ),
        ("delta.masked_fill_(~counts[:, None], 0)", "pass", "t_loss", "ignored_nan_changes_nothing"),
        ("delta.square().sum((1, 2)) / 2", "delta.square().sum((1, 2))", "t_loss", "gradient_is_right"),
        ("(delta - shared)", "(delta)", "t_loss", "gradient_is_right"),
        ("self.nu))", "self.nu)[:1])", "t_loss", "ignoring_equals_removing_images"),
    ],
}
"""Module → (what stands there, what is put there, the loss, the property that must notice it)."""

CASES = [
    pytest.param(module, *fault, id=f"{module}: {fault[1]}")
    for module, faults in FAULTS.items()
    for fault in faults
]


@pytest.mark.parametrize(("module", "old", "new", "loss", "check"), CASES)
def test_fault_is_found(module, old, new, loss, check, monkeypatch):
    dict(entry(loss).checks())[check]()
    edit(monkeypatch, import_module(f"segkit.loss_envelope.peers.{module}"), old, new)
    with pytest.raises((AssertionError, RuntimeError, SegkitError)):
        dict(entry(loss).checks())[check]()


def test_a_fault_is_planted_in_every_peer():
    hit = {loss for faults in FAULTS.values() for _, _, loss, _ in faults}
    assert {entry(loss).function for loss in hit} >= {each.function for each in PEERS}


# The mutants of the envelope are written in ordinary operations, which keep more maps than the envelope.
@pytest.mark.parametrize("name", [mutants.BY_CLASS, mutants.BY_IMAGE])
def test_without_a_fault_the_battery_passes_the_envelope(name):
    for _, check in replace(entry(name), maps=6.0).checks(mutants.mutant(name)):
        check()


@pytest.mark.parametrize("fault", mutants.FAULTS)
def test_fault_of_the_envelope_is_found(fault):
    name, check = mutants.FAULTS[fault]
    with pytest.raises((AssertionError, RuntimeError)):
        dict(entry(name).checks(mutants.mutant(name, fault)))[check]()
