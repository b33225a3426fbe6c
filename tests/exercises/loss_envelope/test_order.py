"""The batch of the exercise on the two orders, and answers in other forms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segkit.exercises import check
from segkit.exercises.loss_envelope.order import LOSSES, RIGHT
from segkit.loss_envelope import bottom_mean, top_k_mean

NAME = "loss_envelope.trim_first"
NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "exercises" / "loss_envelope_solutions.ipynb"
IMAGE, WEIGHTS = RIGHT["trim first"]


def test_the_notebook_shows_the_batch_that_is_checked():
    cells = {cell["id"]: cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]}
    namespace = {"torch": torch}
    exec("".join(cells["trim-first-batch"]["source"]), namespace)
    np.testing.assert_allclose(namespace["batch"], LOSSES, rtol=1e-6)


def test_the_weights_are_the_gradient_of_both_orders():
    leaf = torch.tensor(LOSSES, requires_grad=True)
    (gradient,) = torch.autograd.grad(top_k_mean(bottom_mean(leaf, 4), 1), leaf)
    np.testing.assert_allclose(gradient, RIGHT["trim first"][1])
    chosen = leaf.mean(1).argmax()
    (gradient,) = torch.autograd.grad(bottom_mean(leaf[chosen], 4), leaf)
    np.testing.assert_allclose(gradient, RIGHT["select first"][1])


def test_lists_and_tensors_are_answers():
    assert check(NAME, {order: [torch.tensor(i), w.tolist()] for order, (i, w) in RIGHT.items()})


def changed(**orders):
    return {**RIGHT, **{name.replace("_", " "): answer for name, answer in orders.items()}}


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (RIGHT["trim first"], "a dictionary that has the keys"),
        ({"trim first": RIGHT["trim first"]}, "a dictionary that has the keys"),
        (changed(trim_first=3), "give a pair"),
        (changed(trim_first=(0, WEIGHTS[0])), "not (5,)"),
        (changed(trim_first=(2, WEIGHTS)), "image 2 has not the largest mean"),
        (changed(trim_first=(0, WEIGHTS + np.eye(3, 5, -2))), "the other two images have no weight"),
        (changed(trim_first=(0, 2 * WEIGHTS)), "add up to 2"),
        (changed(trim_first=(0, WEIGHTS * [1.5, 0.5, 1, 1, 1])), "what is kept counts alike"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize("half", [..., None, (..., ...), (0, ...)])
def test_half_an_answer_is_none(half):
    assert check(NAME, changed(select_first=half)).hint.startswith("Take the mean of each image twice")
