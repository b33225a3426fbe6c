"""Whoever lets the library or autograd do the work is told so, by whatever door they come in."""

from __future__ import annotations

import sys

import pytest
import torch

import segkit.loss_envelope as room
from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, Unanswered
from segkit.loss_envelope.thresholds import kth_smallest

ROOM = "segkit.loss_envelope"
VALUES = torch.tensor([3.0, 1.0, 2.0])


def by_import(values):
    from segkit.loss_envelope import bottom_mean as mine

    return mine(values, 2)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (lambda values: room.bottom_mean(values, 2), "bottom_mean"),
        (by_import, "bottom_mean"),
        (lambda values: max(map(room.top_k_mean, [values], [1])), "top_k_mean"),
        (lambda values: kth_smallest(values[None], torch.tensor([2])), "kth_smallest"),
        (lambda values: room.Share(0.5).dropped(values, values, values), "dropped"),
    ],
    ids=["attribute", "import inside", "map", "selection", "method"],
)
def test_the_room_is_recognised(answer, name):
    with pytest.raises(Hint, match=f"calls `{name}` of segkit"):
        call_by_hand(answer, VALUES, room=ROOM)


def test_only_the_room_of_the_chapter_is_given_away():
    value = call_by_hand(lambda values: room.bottom_mean(values, 2), VALUES, room="segkit.voxel_metric")
    assert float(value) == 1.5


def derivative(values):
    leaf = values.clone().requires_grad_()
    leaf.square().sum().backward()
    return leaf.grad


@pytest.mark.parametrize(
    "answer",
    [derivative, torch.func.grad(lambda values: values.square().sum())],
    ids=["backward", "func.grad"],
)
def test_autograd_is_given_away_only_where_asked(answer):
    with pytest.raises(Hint, match="differentiates automatically"):
        call_by_hand(answer, VALUES, room=ROOM, derivatives=True)
    assert call_by_hand(answer, VALUES, room=ROOM).tolist() == [6.0, 2.0, 4.0]


def without_graph(values):
    with torch.no_grad():
        return values.sort().values


def test_honest_work_passes_and_nothing_stays_behind():
    assert call_by_hand(without_graph, VALUES, room=ROOM, derivatives=True).tolist() == [1.0, 2.0, 3.0]
    assert sys.getprofile() is None


def test_an_error_or_nothing_is_told_as_elsewhere():
    with pytest.raises(Hint, match="raised ZeroDivisionError"):
        call_by_hand(lambda values: 1 / 0, VALUES, room=ROOM)
    with pytest.raises(Unanswered):
        call_by_hand(lambda values: None, VALUES, room=ROOM)
    assert sys.getprofile() is None
