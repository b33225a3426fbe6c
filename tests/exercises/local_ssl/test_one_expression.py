"""The index of a point in a feature map, against the library's places and alignment."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.exercises import check
from segkit.exercises.local_ssl.one_expression import _index, _inputs
from segkit.local_ssl import Placement, align
from segkit.local_ssl.cells import Cells

NAME = "local_ssl.one_expression"


@pytest.mark.parametrize("case", _inputs())
def test_the_oracle_reads_where_the_library_reads(case):
    """A feature map that holds its own indices, read by the library at the points."""
    u, low, size, n, flip, stride, centre = case
    view = {"low": low.tolist(), "size": size.tolist(), "flips": flip.tolist()}
    place = Placement.of(**view, shape=[int(each) for each in n], extent=(64, 64, 64))
    counts = (n / stride).int().tolist()
    steps = torch.meshgrid(*[torch.arange(m, dtype=torch.float64) for m in counts], indexing="ij")
    read = align(torch.stack(steps)[None], place, u[None], Cells(tuple(stride), tuple(centre.tolist())))[0]
    found = _index(*case)
    inside = ((found >= 0) & (found <= torch.tensor(counts) - 1)).all(1)
    assert inside.any()
    torch.testing.assert_close(found[inside], read[inside], atol=1e-4, rtol=0)


def test_the_boxes_are_mirrored_along_some_axes_only_and_centres_are_neither_even_nor_first():
    for _, _, _, _, flip, stride, centre in _inputs():
        assert flip.any() and not flip.all()
        assert ((centre - (stride - 1) / 2).abs() > 0.01).any()
        assert (centre > 0.1).all()


def by_sign(u, low, size, n, flip, stride, centre):
    sign = 1 - 2 * flip.double()
    x = n / 2 * (1 + sign * (2 * (u - low) / size - 1))
    return (x - centre - 0.5) / stride


def by_numpy(*arguments):
    u, low, size, n, flip, stride, centre = (each.numpy() for each in arguments)
    return (np.where(flip, low + size - u, u - low) / size * n - 0.5 - centre) / stride


@pytest.mark.parametrize("answer", [by_sign, by_numpy])
def test_other_right_answers(answer):
    assert check(NAME, answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (3.0, "without calling it"),
        (lambda *each: _index(*each)[0], "an array of shape (3,) where (5, 3)"),
        (lambda *each: _index(*each) + 1, "yours gives"),
        (lambda u, low: u, "TypeError"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


def test_nothing_is_no_answer():
    assert check(NAME, lambda *each: None).hint.startswith("Which share of the box")
