"""A teacher that loses its weights: what it measures, and its repair."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, compare
from segkit.exercises.parts import judge_predictions, part, parts
from segkit.exercises.registry import Wrong, exercise
from segkit.train import EMA

Follow = Callable[[nn.Module, nn.Module, int, float], Any]
Decay = Callable[[int, float], float]

RIGHT: dict[str, float | tuple[float, ...]] = {
    "largest weight": 0.0,
    "entropy": 1.0,
    "distance": 0.75,
    "share left": 0.99**500,
}


def _rising(iteration: int, decay: float) -> float:
    return min(decay, 1 - 1 / (iteration + 1))


@torch.no_grad()
def _follow(
    teacher: nn.Module,
    student: nn.Module,
    iteration: int,
    decay: float,
    *,
    alpha: Decay = _rising,
    mix: Callable[[Tensor, Tensor, float], Tensor] = lambda slow, fast, a: a * slow + (1 - a) * fast,
    buffers: str = "average",
) -> nn.Module:
    a, theirs = alpha(iteration, decay), student.state_dict()
    learned = {name for name, _ in teacher.named_parameters()}
    for name, mine in teacher.state_dict().items():
        if name not in learned and buffers == "leave":
            continue
        copied = not mine.is_floating_point() or (name not in learned and buffers == "copy")
        mine.copy_(theirs[name] if copied else mix(mine, theirs[name], a))
    return teacher


@torch.no_grad()
def snippet(teacher: nn.Module, student: nn.Module, iteration: int, decay: float = 0.99) -> nn.Module:
    """The defect that the task shows."""
    alpha = min(1 - 1 / (iteration + 1), decay)
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.mul_(alpha).add(fast, alpha=1 - alpha)
    return teacher


def _shared_memory(teacher: nn.Module, student: nn.Module, iteration: int, decay: float) -> nn.Module:
    if iteration:
        return _follow(teacher, student, iteration, decay)
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.data = fast.data
    for mine, theirs in zip(teacher.buffers(), student.buffers(), strict=True):
        mine.copy_(theirs)
    return teacher


def _with_graph(teacher: nn.Module, student: nn.Module, iteration: int, decay: float) -> nn.Module:
    a = _rising(iteration, decay)
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.mul_(a).add_(fast, alpha=1 - a)
    return teacher


def _by_library(teacher: nn.Module, student: nn.Module, iteration: int, decay: float) -> nn.Module:
    average = EMA(teacher, decay)
    average.update(student, iteration)
    teacher.load_state_dict(average.module.state_dict())
    return teacher


def _mistake(hint: str, **changes: Any) -> Wrong:
    def follow(teacher: nn.Module, student: nn.Module, iteration: int, decay: float) -> nn.Module:
        return _follow(teacher, student, iteration, decay, **changes)

    return Wrong(follow, hint)


MISTAKES = {
    "the snippet": Wrong(
        snippet,
        "Your teacher is made smaller and gets nothing from the student: which result is thrown away?",
    ),
    "does not move": _mistake(
        "Your teacher stays as it was: `slow = …` or an operation without an underscore makes a new tensor.",
        mix=lambda slow, fast, a: slow,
        buffers="leave",
    ),
    "a sum": _mistake(
        "You add the student's part and do not take the teacher's share: the two must add up to 1.",
        mix=lambda slow, fast, a: slow + (1 - a) * fast,
        buffers="leave",
    ),
    "swapped": _mistake(
        "The shares are exchanged: α is the teacher's, and near 1 most of the time.",
        mix=lambda slow, fast, a: (1 - a) * slow + a * fast,
    ),
    "a copy": _mistake("Your teacher is the student: nothing is averaged.", mix=lambda slow, fast, a: fast),
    "no warm-up": _mistake(
        "Your α is constant; the task lets it rise, so that the random start is forgotten at once.",
        alpha=lambda iteration, decay: decay,
    ),
    "late": _mistake(
        "Your α is one update ahead: with `iteration` counted from 0, the first α is 0.",
        alpha=lambda iteration, decay: _rising(iteration + 1, decay),
    ),
    "parameters alone": _mistake(
        "The parameters are right; the buffers stay as they were, the statistics of batch norm among them.",
        buffers="leave",
    ),
    "buffers copied": _mistake(
        "The statistics of batch norm are the student's in yours: average them as the weights that they fit.",
        buffers="copy",
    ),
}
QUESTIONS: dict[str, dict[float | tuple[float, ...] | None, str]] = {
    "largest weight": {None: "What is α in update 0, and what does the last line do with it?"},
    "entropy": {
        0.0: "A net whose weights are all 0 says the same of every class. Is that certain?",
        None: "All logits are 0: what does their softmax say?",
    },
    "distance": {
        0.0: "The teacher is not where the student is: p_t is ¼ of every class.",
        0.5625: "That is the square for the student's own class; three others are not 0 either.",
        None: "p_s is 1 for one class and 0 for three: what is p_t?",
    },
    "share left": {None: "Each update multiplies by α and adds nothing."},
}


def _but(name: str, value: float) -> dict[str, Any]:
    return {**RIGHT, name: value}


@exercise(
    "coarse_refined.moving_average",
    kind="criticise",
    minutes=15,
    start="What does each of the two operations in the last line change, and what does it only return?",
    wrong={
        **{name: Wrong((RIGHT, each.answer), f"`repaired`: {each.hint}") for name, each in MISTAKES.items()},
        "shared memory": Wrong((RIGHT, _shared_memory), "the teacher moves with every step of the student"),
        "with graph": Wrong((RIGHT, _with_graph), "The teacher hangs on the graph of the student"),
        "by library": Wrong((RIGHT, _by_library), "Your function calls"),
        "certain": Wrong((_but("entropy", 0.0), _follow), "Is that certain?"),
        "one class": Wrong((_but("distance", 0.5625), _follow), "three others are not 0 either"),
    },
)
def check_moving_average(answer: Any) -> None:
    predicted, repaired = parts(answer, "predicted", "repaired")
    with part("predicted"):
        judge_predictions(predicted, RIGHT, QUESTIONS)
    with part("repaired"):
        for iteration in (0, 3):
            notes: list[str] = []
            call_by_hand(_on_nets(repaired, notes), iteration, 0.9, room="segkit.train")
            if notes:
                raise Hint(notes[0])
        mistakes = {name: Wrong(_on_nets(each.answer, []), each.hint) for name, each in MISTAKES.items()}
        inputs = [(0, 0.99), (1, 0.99), (4, 0.9), (50, 0.9), (7, 0.0)]
        compare(_on_nets(repaired, []), _on_nets(_follow, []), inputs, mistakes=mistakes, tolerance=1e-5)


def _on_nets(follow: Any, notes: list[str]) -> Any:
    """The function of (iteration, decay) that gives the numbers of a teacher after one update."""

    def state_after(iteration: int, decay: float) -> Tensor | None:
        teacher, student = _net(0).requires_grad_(False), _net(1)
        old, theirs = _state(teacher), _state(student)
        returned = follow(teacher, student, iteration, decay)
        if returned is None and torch.equal(_state(teacher), old):
            return None
        if returned is not teacher:
            notes.append("Change the teacher that is given, in place, and return it.")
        if not torch.equal(_state(student), theirs):
            notes.append("The student has changed: only the teacher follows.")
        memory = [{each.data_ptr() for each in net.state_dict().values()} for net in (teacher, student)]
        if memory[0] & memory[1]:
            notes.append("A tensor is shared now, so that the teacher moves with every step of the student.")
        if any(each.requires_grad for each in teacher.parameters()):
            notes.append("The teacher hangs on the graph of the student: update it without gradients.")
        return _state(teacher)

    return state_after if callable(follow) else follow


def _state(net: nn.Module) -> Tensor:
    """All parameters and buffers in one row; a copy."""
    return torch.cat([each.detach().double().flatten() for each in net.state_dict().values()])


def _net(seed: int) -> nn.Sequential:
    return deepcopy(_made(seed))


@cache
def _made(seed: int) -> nn.Sequential:
    """A small net with batch norm that has seen something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1))
        for each in net.parameters():
            nn.init.normal_(each)
        for _ in range(2 + seed):
            net(2 * seed + torch.randn(2, 1, 5, 5))
    return net
