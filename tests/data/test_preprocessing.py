"""Steps that are done once."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from segkit.data import crop_or_pad, phantoms, preprocess, slices, z_score
from segkit.errors import ConfigError


def test_steps_follow_one_another_and_may_give_several_cases():
    cases = phantoms("cardiac_short_axis", 2)
    before = [case.image.clone() for case in cases]
    out = preprocess(cases, [z_score, partial(slices, axis=0), partial(crop_or_pad, shape=(64, 80))])
    assert [case.id for case in out] == [f"{case.id}:{k}" for case in cases for k in range(10)]
    expected = crop_or_pad(slices(z_score(cases[1]), 0)[3], (64, 80))
    assert torch.equal(out[13].image, expected.image) and torch.equal(out[13].label, expected.label)
    assert all(torch.equal(case.image, image) for case, image in zip(cases, before, strict=True))


def test_nothing_to_do():
    cases = phantoms("ultrasound", 1)
    assert preprocess(cases, []) == cases and preprocess([], [z_score]) == []


@pytest.mark.parametrize("result", [None, [None], torch.zeros(2)])
def test_a_step_that_returns_no_case_is_named(result):
    def careless(case):
        return result

    with pytest.raises(ConfigError, match=r"step careless made .* of case phantom-ultrasound-0"):
        preprocess(phantoms("ultrasound", 1), [careless])
