"""The oracle of the occurrence maps, against the library's, and answers in other forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.exercises import check
from segkit.exercises.mask_prior.occurrence import LEAK, _by_library, _maps

NAME = "mask_prior.leave_one_out"


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=6).filter(lambda names: len(set(names)) > 1))
def test_the_oracle_is_the_library(patients):
    labels = torch.randint(0, 3, (len(patients), 4, 5), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(_maps(labels, patients, 3), _by_library(labels, patients, 3))


def test_an_answer_by_sums_in_numpy():
    def occurrence(labels, patients, n_classes):
        hot = np.stack([labels.numpy() == c for c in range(1, n_classes)], axis=1).astype(float)
        patients = np.array(patients)
        own = np.stack([hot[patients == name].sum(0) for name in patients])
        others = np.array([(patients != name).sum() for name in patients])
        return (hot.sum(0) - own) / others.reshape(-1, *[1] * labels.ndim)

    assert check(NAME, occurrence)


@pytest.mark.parametrize("weight", [0.05, 0.5])
def test_every_leak_is_found(weight):
    def occurrence(labels, patients, n_classes):
        own = torch.stack([labels == c for c in range(1, n_classes)], 1).float()
        return (1 - weight) * _maps(labels, patients, n_classes) + weight * own

    assert check(NAME, occurrence).hint == LEAK.hint


@pytest.mark.parametrize(
    ("occurrence", "hint"),
    [
        (lambda labels, patients, n: _maps(labels, patients, n) ** 2, "yours gives"),
        (lambda labels, patients, n: _maps(labels, patients, n)[:1], "an array of shape (1, 2, 4, 5)"),
        (lambda labels, patients, n: labels.no_such_thing, "AttributeError"),
    ],
    ids=["square", "one map", "raises"],
)
def test_other_answers(occurrence, hint):
    assert hint in check(NAME, occurrence).hint
