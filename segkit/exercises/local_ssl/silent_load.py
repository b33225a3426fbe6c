"""Weights that are never loaded, and nobody notices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call
from segkit.exercises.local_ssl.room import ROOM
from segkit.exercises.local_ssl.saved_weights import SCENES, Outcome, Weights, outcome
from segkit.exercises.parts import judge_predictions, part, parts
from segkit.exercises.registry import Wrong, exercise
from segkit.local_ssl import load_pretrained

CASES: dict[str, tuple[Sequence[int], int, str]] = {
    "as saved": ((1, 4, 8), 3, ""),
    "other classes": ((1, 4, 8), 5, ""),
    "deeper": ((1, 4, 4, 8), 3, ""),
    "prefixed": ((1, 4, 8), 3, "net."),
    "wider": ((1, 8, 16), 3, ""),
}
"""Case → channels and classes of the network that loads, and what stands before the names that were saved."""
RIGHT: dict[str, float | tuple[float, ...]] = {
    "as saved": 8,
    "other classes": 6,
    "deeper": 5,
    "prefixed": 0,
    "wider": 1,
}
"""Parameters of the network that hold saved weights after the snippet."""

QUESTIONS: dict[str, dict[float | tuple[float, ...] | None, str]] = {
    "as saved": {
        14: "Those are all tensors. Means, variances and counters of batch norm are no parameters.",
        None: "Count: one parameter per convolution of the encoder, two per batch norm, two in the head.",
    },
    "other classes": {None: "Which parameters know how many classes there are?"},
    "deeper": {
        8: "Its second convolution has the name of one that was saved. Has it the shape?",
        6: "A kernel from 4 to 4 channels is not one from 4 to 8.",
        3: "The head reads 8 channels in both networks, although what it reads is now something else.",
        None: "(1, 4, 4, 8): which of its parameters have a name *and* a shape among those saved?",
    },
    "prefixed": {
        8: "Is `encoder.0.weight` the name of a tensor that was saved as `net.encoder.0.weight`?",
        None: "How many of the names that were saved does the network have?",
    },
    "wider": {
        0: "One parameter of the head does not ask how wide the network is.",
        None: "Which parameters do not know how wide the network is?",
    },
}


@torch.no_grad()
def snippet(net: nn.Module, weights: Weights, fresh: Sequence[str] = ()) -> list[str]:
    """The defect that the task shows."""
    mine = net.state_dict()
    fits = {name: w for name, w in weights.items() if name in mine and w.shape == mine[name].shape}
    net.load_state_dict(fits, strict=False)
    return list(weights)


@torch.no_grad()
def _load(
    net: nn.Module,
    weights: Weights,
    fresh: Sequence[str],
    *,
    unknown: bool = True,
    missing: bool = True,
    shapes: bool = True,
    first: bool = True,
    belongs: Callable[[str, str], bool] = lambda name, part: name.startswith(f"{part}."),
    buffers: bool = True,
) -> list[str]:
    mine, learned = net.state_dict(), {name for name, _ in net.named_parameters()}
    asked = [name for name in mine if not any(belongs(name, part) for part in fresh)]
    asked = [name for name in asked if buffers or name in learned]
    wanted = {n: w for n, w in weights.items() if not any(belongs(n, part) for part in fresh)}
    fits = [n for n in asked if n in wanted and mine[n].shape == wanted[n].shape]
    wrong = [n for n in wanted if unknown and n not in mine]
    wrong += [n for n in asked if missing and n not in wanted]
    wrong += [n for n in asked if shapes and n in wanted and n not in fits]
    if wrong and first:
        raise ValueError(f"these do not fit: {wrong}")
    for name in fits:
        mine[name].copy_(wanted[name])
    if wrong:
        raise ValueError(f"these do not fit: {wrong}")
    return fits


def _by_library(net: nn.Module, weights: Weights, fresh: Sequence[str]) -> list[str]:
    return list(load_pretrained(net, weights, fresh=fresh).loaded)


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda net, weights, fresh: _load(net, weights, fresh, **changes), hint)


MISTAKES = {
    "the snippet": Wrong(
        snippet, "Yours leaves out what does not fit and says nothing: that is the defect of the snippet."
    ),
    "unknown names": _mistake(
        "Weights that were saved, but have no place in the network, are left out in silence.", unknown=False
    ),
    "missing names": _mistake(
        "A deeper network is filled in part: tensors for which there are no weights stay as they were.",
        missing=False,
    ),
    "shapes": _mistake("Weights of another shape are left out in silence.", shapes=False),
    "half changed": _mistake(
        "An error is raised, but part of the network has changed by then: look first, copy afterwards.",
        first=False,
    ),
    "beginnings": _mistake(
        "A part is spared because its name begins like one in `fresh`: compare whole names of parts.",
        belongs=lambda name, part: name.startswith(part),
    ),
    "parameters": _mistake(
        "The statistics of batch norm are not loaded: buffers belong to the weights.", buffers=False
    ),
    "nothing spared": _mistake(
        "What `fresh` names is loaded, or complained of, all the same.", belongs=lambda name, part: False
    ),
}


def _but(name: str, value: float) -> dict[str, Any]:
    return {**RIGHT, name: value}


@exercise(
    "local_ssl.silent_load",
    kind="criticise",
    minutes=20,
    start="What does the snippet do with weights that have no place, and with tensors that get no weights?",
    wrong={
        **{name: Wrong((RIGHT, each.answer), f"`repaired`: {each.hint}") for name, each in MISTAKES.items()},
        "library": Wrong((RIGHT, _by_library), "Your function calls `load_pretrained` of segkit"),
        "by name alone": Wrong((_but("deeper", 8), _load), "Has it the shape?"),
        "suffix": Wrong((_but("prefixed", 8), _load), "the name of a tensor that was saved as"),
        "nothing fits": Wrong((_but("wider", 0), _load), "One parameter of the head does not ask"),
    },
)
def check_silent_load(answer: Any) -> None:
    predicted, repaired = parts(answer, "predicted", "repaired")
    with part("predicted"):
        judge_predictions(predicted, RIGHT, QUESTIONS)
    with part("repaired"):
        _judge_repaired(repaired)


def _judge_repaired(repaired: Any) -> None:
    notes: dict[str, str] = {}
    tried = outcome(repaired, notes)
    call_by_hand(tried, SCENES["as saved"], room=ROOM)
    given = {name: call(tried, scene) for name, scene in SCENES.items()}
    right = _outcomes(_load)
    if given == right:
        return
    for mistake in MISTAKES.values():
        if given == _outcomes(mistake.answer):
            raise Hint(mistake.hint)
    name = next(name for name in SCENES if given[name] != right[name])
    told, (end, filled, _), wanted = SCENES[name].told, given[name], right[name]
    if end == "refused" and wanted[0] == "loaded":
        raise Hint(f"{told} yours raises {notes[told]}.")
    if wanted[0] == "refused":
        raise Hint(f"{told} an error is expected" + (", and an unchanged network." if filled else "."))
    if filled != wanted[1]:
        odd = sorted({*filled} ^ {*wanted[1]})[0]
        raise Hint(f"{told}, `{odd}` is {'' if odd in filled else 'not '}loaded.")
    raise Hint(f"{told} the names of the {len(filled)} tensors that were loaded should be returned.")


def _outcomes(load: Any) -> dict[str, Outcome]:
    return {name: outcome(load, {})(scene) for name, scene in SCENES.items()}
