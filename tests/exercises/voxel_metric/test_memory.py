"""The estimate of memory, against what is really listed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from segkit.exercises import check
from segkit.exercises.voxel_metric.memory import RIGHT, _estimate, _triplets
from segkit.voxel_metric.rows import class_rows

NAME = "voxel_metric.memory"
PREDICTED = {"dense map": 256, "gathered rows": 1 / 16, "Gram matrix": 1, "triplets": 765}


def listed(labels):
    same = labels[:, None] == labels
    pairs = same & ~torch.eye(len(labels), dtype=torch.bool)
    return (pairs[:, :, None] & ~same[:, None, :]).nonzero()


@pytest.mark.parametrize("seed", range(3))
def test_the_oracle_is_the_size_of_what_is_made(seed):
    labels = torch.randint(4, (20,), generator=torch.Generator().manual_seed(seed))
    sizes = _estimate((5, 6, 7), 3, labels)
    rows = torch.zeros(20, 3)
    made = (torch.zeros(1, 3, 5, 6, 7), rows, rows @ rows.T, listed(labels))
    assert list(sizes.values()) == [each.nbytes for each in made]
    assert _triplets(labels) == class_rows(rows, labels).triplets


def test_the_prediction_of_the_solution_is_the_oracles():
    assert RIGHT == PREDICTED


def by_numpy(grid, width, labels):
    sizes = np.unique(labels.numpy(), return_counts=True)[1]
    m = sizes.sum()
    parts = (math.prod(grid) * width, m * width, m**2, 6 * (sizes * (sizes - 1) * (m - sizes)).sum())
    return {part: torch.tensor(4 * int(size)) for part, size in zip(PREDICTED, parts, strict=True)}


def test_other_right_answers():
    assert check(NAME, (dict(reversed(PREDICTED.items())), by_numpy))
    assert check(NAME, [{part: np.float32(size) for part, size in PREDICTED.items()}, by_numpy])


def but(**parts):
    return {**PREDICTED, **{part.replace("_", " "): size for part, size in parts.items()}}


def constant(**parts):
    return lambda *arguments: {**_estimate(*arguments), **parts}


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (PREDICTED, "Pass a pair"),
        (({"triplets": 765}, by_numpy), "`predicted` must be a dictionary with the keys 'dense map'"),
        ((but(dense_map=8), by_numpy), "prediction for the dense map is not right: 8 MiB"),
        ((but(triplets=[1, 2]), by_numpy), "`predicted` must hold one number for each key"),
        ((but(triplets="many"), by_numpy), "Numbers are expected"),
        ((but(triplets=3072), by_numpy), "Three voxels are a triplet only if"),
        ((but(triplets=768), by_numpy), "a voxel may be its own positive"),
        ((PREDICTED, lambda *arguments: 7), "What your function returns must be a dictionary"),
        ((PREDICTED, constant(triplets=torch.ones(2))), "What your function returns must hold one number"),
        ((PREDICTED, constant(triplets=1)), "yours gives 1 at (3,)"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize(
    "answer", [(..., by_numpy), (but(triplets=...), by_numpy), (PREDICTED, lambda *arguments: None)]
)
def test_half_an_answer_is_none(answer):
    assert check(NAME, answer).hint.startswith("Anchor, another voxel of its class")
