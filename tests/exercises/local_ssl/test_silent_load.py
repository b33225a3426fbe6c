"""The defect as the notebook shows it, what it leaves out, and repairs that need not look like ours."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from segkit.exercises import check
from segkit.exercises.local_ssl.saved_weights import SCENES, SmallNet, outcome
from segkit.exercises.local_ssl.silent_load import CASES, RIGHT, _by_library, _load, snippet

NAME = "local_ssl.silent_load"
NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "exercises" / "local_ssl_solutions.ipynb"


@pytest.fixture(scope="module")
def shown():
    """What the notebook defines: the network, the five of the task, and the snippet."""
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]}
    names = {"torch": torch, "nn": nn, "pairwise": pairwise}
    exec(cells["silent-load-net"], names)
    exec(cells["silent-load-defect"], names)
    return names


def test_the_notebook_shows_the_networks_that_are_judged(shown):
    for name, (channels, classes, _) in CASES.items():
        ours, theirs = (
            {key: value.shape for key, value in net.state_dict().items()}
            for net in (SmallNet(channels, classes), shown["networks"][name])
        )
        assert ours == theirs


@pytest.mark.parametrize("name", CASES)
def test_the_prediction_is_what_the_snippet_does(name, shown):
    channels, classes, prefix = CASES[name]
    for load in (snippet, shown["load"]):
        old, net = SmallNet(), SmallNet(channels, classes)
        with torch.no_grad():
            for value in old.parameters():
                value.uniform_(2, 3)
        theirs = dict(old.named_parameters())
        said = load(net, {prefix + key: value for key, value in old.state_dict().items()})
        held = [n for n, p in net.named_parameters() if n in theirs and torch.equal(p, theirs[n])]
        assert (len(held), len(said)) == (RIGHT[name], 14)


def test_the_scenes_end_in_both_ways():
    ends = {name: outcome(_load, {})(scene)[0] for name, scene in SCENES.items()}
    assert ends == dict.fromkeys(SCENES, "refused") | dict.fromkeys(
        ["as saved", "fresh head", "two heads"], "loaded"
    )


@pytest.mark.parametrize("name", SCENES)
def test_the_library_ends_as_the_oracle_does(name):
    assert outcome(_by_library, {})(SCENES[name]) == outcome(_load, {})(SCENES[name])


def strictly(net, weights, fresh):
    """All or nothing by `load_state_dict`, on a copy of the names."""
    mine = net.state_dict()
    kept = {name: value for name, value in mine.items() if name.split(".")[0] in fresh}
    asked = {name: value for name, value in weights.items() if name.split(".")[0] not in fresh}
    if {name: w.shape for name, w in asked.items()} != {n: w.shape for n, w in mine.items() if n not in kept}:
        raise KeyError("something does not fit")
    net.load_state_dict(asked | kept)
    return set(asked)


def test_other_right_answers():
    assert check(NAME, (RIGHT, strictly))


def silently(net, weights, fresh):
    _load(net, weights, fresh)


def torch_strict(net, weights, fresh):
    net.load_state_dict(weights)
    return list(weights)


def halves(net, weights, fresh):
    return _load(net, {name: value / 2 for name, value in weights.items()}, fresh)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((RIGHT, silently), "the names of the 14 tensors that were loaded should be returned"),
        ((RIGHT, torch_strict), "fresh head yours raises RuntimeError"),
        ((RIGHT, halves), "`encoder.0.weight` is not loaded"),
        ((RIGHT, lambda net, weights, fresh: _load(net, weights, ())), "What `fresh` names"),
        ((RIGHT, lambda net, weights: None), "yours raises TypeError"),
        ((RIGHT, 3), "without calling it"),
        (({**RIGHT, "as saved": 14}, _load), "Those are all tensors"),
        (({**RIGHT, "deeper": 3}, _load), "The head reads 8 channels in both"),
        (({**RIGHT, "other classes": 8}, _load), "know how many classes"),
        (_load, "Pass all parts"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize("half", [(..., _load), (RIGHT, ...), (RIGHT, lambda *each: None)])
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("What does the snippet do")
