"""Answers to the gather that need not look like ours, its oracle against the library, and its toy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segkit.exercises import check
from segkit.exercises.voxel_metric.gathering import (
    MISTAKES,
    PICKED,
    RIGHT,
    TOY,
    _by_library,
    _inputs,
    _rows,
    _script,
)

NAME = "voxel_metric.gather"
NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "exercises" / "voxel_metric_solutions.ipynb"


def test_the_notebook_shows_what_is_checked():
    cells = {cell["id"]: cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]}
    namespace = {"torch": torch}
    exec("".join(cells["gather-script"]["source"]), namespace)
    assert torch.equal(namespace["toy"], TOY)
    assert torch.equal(namespace["toy_mask"], PICKED)
    assert namespace["script"](TOY, PICKED).tolist() == [[1, 4], [7, 10], [101, 104], [107, 110]]
    assert torch.equal(namespace["script"](TOY, PICKED), RIGHT)


def test_the_oracle_is_the_librarys_gather():
    for features, mask in _inputs():
        assert torch.equal(_rows(features, mask), _by_library(features, mask))


def test_the_half_repair_is_right_for_one_image_only():
    half = MISTAKES["one image"].answer
    fits = [torch.equal(half(*each), _rows(*each)) for each in _inputs()]
    assert fits == [False, True, False]


def one_by_one(features, mask):
    flat, chosen = features.flatten(2), mask.flatten(1)
    rows = [flat[b, :, v] for b in range(len(flat)) for v in range(flat.shape[2]) if chosen[b, v]]
    return torch.stack(rows) if rows else features.new_zeros(0, features.shape[1])


def by_index(features, mask):
    image, *place = mask.nonzero().unbind(1)
    return features.movedim(1, 0)[:, image, *place].T


@pytest.mark.parametrize("answer", [one_by_one, by_index])
@pytest.mark.parametrize("rows", [RIGHT, RIGHT.tolist(), RIGHT.numpy().astype(int)])
def test_other_right_answers(answer, rows):
    assert check(NAME, (rows, answer))


def astray(features, mask):
    """Right values, and a gradient that ends in other places."""
    rows = _rows(features, mask)
    return rows.detach() + rows.flip(0) - rows.flip(0).detach()


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (_rows, "Pass a pair"),
        ((RIGHT.T, _rows), "has the shape (2, 4); the script returns (4, 2)"),
        ((RIGHT + torch.eye(4, 2), _rows), "Row 0 of your prediction"),
        ((RIGHT, RIGHT), "without calling it"),
        ((RIGHT, lambda features, mask: "rows"), "Numbers are expected"),
        ((RIGHT, lambda features, mask: list(_rows(features, mask))), "not a list of rows"),
        ((RIGHT, lambda features, mask: features.flatten(2)), "shape (2, 3, 20) where"),
        ((RIGHT, astray), "the gradient of a row does not end at its voxel"),
        ((RIGHT, lambda f, m: _rows(f, m) if m.any() else f.new_zeros(1, 3)), "Yours has the shape (1, 3)"),
        ((RIGHT, lambda f, m: _rows(f, m).float()), "yours gives"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize("answer", [(..., _rows), (None, _rows), (RIGHT, lambda features, mask: None)])
def test_half_an_answer_is_none(answer):
    assert check(NAME, answer).hint.startswith("In which order does boolean indexing")


def test_numpy_has_no_gradient():
    def answer(features, mask):
        return torch.from_numpy(np.moveaxis(features.detach().numpy(), 1, -1)[mask.numpy()])

    assert "no gradient flows back" in check(NAME, (RIGHT, answer)).hint
    assert _script(TOY, PICKED).shape == (4, 2)
