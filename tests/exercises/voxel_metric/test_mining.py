"""The oracle of semi-hard mining, against the library and against loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.exercises import check
from segkit.exercises.voxel_metric.mining import (
    MISTAKES,
    _by_pairs,
    _enumerated,
    _inputs,
    _next_of_class,
    _semi_hard,
)
from segkit.voxel_metric import mine
from segkit.voxel_metric.rows import class_rows
from segkit.voxel_metric.scanning import cyclic_positives

NAME = "voxel_metric.semi_hard"


@pytest.mark.parametrize("case", _inputs())
def test_the_oracle_is_the_librarys_wherever_a_triplet_violates_the_margin(case):
    z, labels, positive, margin = case
    triplets = mine(z, labels, margin=margin)
    assert len(triplets.anchor) > 0
    assert torch.equal(positive[triplets.anchor], triplets.positive)
    assert torch.equal(_semi_hard(*case)[triplets.anchor], triplets.negative)


@pytest.mark.parametrize("case", _inputs())
def test_the_oracle_by_loops_and_by_all_triplets(case):
    assert torch.equal(_semi_hard(*case), _by_pairs(*case))
    assert torch.equal(_semi_hard(*case), _enumerated(*case))


def test_positives_are_the_librarys():
    labels = torch.tensor([1, 0, 1, 2, 0, 1])
    rows = class_rows(torch.randn(6, 2), labels)
    positive = torch.empty_like(labels)
    positive[rows.order] = rows.order[cyclic_positives(rows, None)]
    assert torch.equal(_next_of_class(labels), positive)


def test_the_pools_tell_each_mistake_in_the_largest():
    """There are empty windows of both kinds, and windows with more than one negative."""
    case = _inputs()[-1]
    right = _semi_hard(*case)
    for name, mistake in MISTAKES.items():
        assert not torch.equal(mistake.answer(*case), right), name


def row_by_row(z, labels, positive, margin):
    found = []
    for a, p in enumerate(positive):
        far = (z[a] - z).square().sum(1)
        others = (labels != labels[a]).nonzero()[:, 0]
        window = others[(far[others] > far[p]) & (far[others] < far[p] + margin)]
        allowed = window if len(window) else others
        found.append(allowed[far[allowed].argmin()])
    return torch.stack(found)


def in_cosines(z, labels, positive, margin):
    z, labels, positive = z.numpy(), labels.numpy(), positive.numpy()
    cosine = z @ z.T
    cosine[labels[:, None] == labels] = -np.inf
    near = (z * z[positive]).sum(1, keepdims=True)
    inside = (cosine < near) & (cosine > near - margin / 2)
    semi = np.where(inside, cosine, -np.inf)
    return np.where(inside.any(1), semi.argmax(1), cosine.argmax(1))


def differences(z, labels, positive, margin):
    distance = (z[:, None] - z).square().sum(-1)
    distance[labels[:, None] == labels] = torch.inf
    near = (z - z[positive]).square().sum(1, keepdim=True)
    semi = torch.where((distance > near) & (distance < near + margin), distance, torch.inf)
    return torch.where(semi.isfinite().any(1), semi.argmin(1), distance.argmin(1))


@pytest.mark.parametrize("answer", [row_by_row, in_cosines, differences])
def test_other_right_answers(answer):
    assert check(NAME, answer)


def numpy_triplets(z, labels, positive, margin):
    far = (2 - 2 * z @ z.T).numpy()
    hinges = far[:, :, None] - far[:, None, :]
    assert hinges.size
    return _semi_hard(z, labels, positive, margin)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda z, labels, positive, margin: 3, "not an array of shape ()"),
        (lambda z, labels, positive, margin: positive, "yours gives"),
        (lambda z, labels, positive, margin: positive[None], "not an array of shape (1, 96)"),
        (numpy_triplets, "bytes beside its tensors"),
        (lambda z, labels, positive, margin: z[3, 4, 5], "Your function raised IndexError"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint
