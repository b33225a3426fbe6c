"""Collapse, provoked by a loss that asks for agreement alone, and found by looking at the features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call, compare, judge_letters, numbers
from segkit.exercises.local_ssl.room import ROOM
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong, exercise
from segkit.local_ssl import mean_consistency, spread

Agreement = Callable[[Tensor, Tensor], Tensor]
Verdict = Callable[[Tensor], str]

VERDICTS = ("healthy", "point", "place")
POINT, PLACE = 0.1, 0.9

COLLAPSE = {
    "A": "In A nothing asks that two images differ: what is the smallest loss, and who attains it?",
    "B": "Write down both gradients of B, and that of A, for one net: by which factor do they differ?",
    "C": "In C the gradient flows into the target: what is easier than to predict it?",
}
STANDS = {"D": "D does not end there within these steps: measure it."}


def _agreement(first: Tensor, second: Tensor) -> Tensor:
    cosine = (normalize(first, dim=1) * normalize(second, dim=1)).sum(1)
    return (2 - 2 * cosine).mean()


AGREEMENTS = {
    "not normalised": Wrong(
        lambda a, b: (a - b).square().sum(1).mean(),
        "Yours falls when the features become small; directions alone are to be compared.",
    ),
    "a sum": Wrong(
        lambda a, b: len(a) * _agreement(a, b), "Yours grows with the number of rows: take the mean."
    ),
    "of the whole": Wrong(
        lambda a, b: 2 - 2 * torch.cosine_similarity(a.flatten(), b.flatten(), dim=0),
        "You normalise all rows together; each row has a direction of its own.",
    ),
    "along the rows": Wrong(
        lambda a, b: (2 - 2 * torch.cosine_similarity(a, b, dim=0)).mean(),
        "You normalise channels over the rows; a row is the feature of one point.",
    ),
    "cosine": Wrong(
        lambda a, b: torch.cosine_similarity(a, b).mean(),
        "Yours is largest where the views agree: descent would drive them apart.",
    ),
    "negatives": Wrong(
        lambda a, b: _agreement(a, b) - _agreement(a, b.roll(1, 0)),
        "Yours also pushes other rows away. That would prevent what is to be provoked.",
    ),
}
NO_GRADIENT = "No gradient flows from your loss to the features: nothing would be learned."


def _verdict(
    features: Tensor,
    *,
    unit: bool = True,
    scaled: bool = True,
    place: str = "of all",
    order: str = "point first",
) -> str:
    rows = normalize(features, dim=-1) if unit else features
    wide = rows.flatten(0, 1).std(0, correction=0).mean() * (rows.shape[-1] ** 0.5 if scaled else 1)
    axis = 1 if place == "of the view" else 0
    explained = features.mean(axis).var(0, correction=0) / features.var((0, 1), correction=0)
    point, at_place = bool(wide < POINT), bool(explained.mean() > PLACE) and place != "never"
    if order == "place first" and at_place:
        return "place"
    return "point" if point else "place" if at_place else "healthy"


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda features: _verdict(features, **changes), hint)


MISTAKING = {
    "lengths": _mistake(
        "You look at the features as they are; the loss sees directions. Small ones may be healthy, and long "
        "ones of one direction are a point.",
        unit=False,
    ),
    "not scaled": _mistake(
        "Healthy unit vectors of C channels have a deviation of about 1/√C: yours takes many channels for a "
        "point.",
        scaled=False,
    ),
    "spread alone": _mistake(
        "Features that differ from place to place, and not from view to view, are healthy in yours.",
        place="never",
    ),
    "of the view": _mistake(
        "You ask what the view explains; average over views, and see what is left at each place.",
        place="of the view",
    ),
    "place first": _mistake(
        "Features of nearly one direction are a point, whatever explains the rest.", order="place first"
    ),
    "always healthy": Wrong(lambda features: "healthy", "Yours calls everything healthy."),
}


def _by_library(features: Tensor) -> str:
    return "point" if spread(features) < POINT else _verdict(features)


def _lent(first: Tensor, second: Tensor) -> Tensor:
    return mean_consistency(first[None], second[None])


@exercise(
    "local_ssl.collapse",
    kind="measure",
    minutes=20,
    start="What is the smallest value that a loss of agreement can have, and which features attain it?",
    wrong={
        **{name: Wrong((each.answer, _verdict, "ABC"), each.hint) for name, each in AGREEMENTS.items()},
        "stopped twice": Wrong(
            (lambda a, b: _agreement(a.detach(), b.detach()), _verdict, "ABC"), NO_GRADIENT
        ),
        "library": Wrong((_lent, _verdict, "ABC"), "Your function calls `mean_consistency` of segkit"),
        **{name: Wrong((_agreement, each.answer, "ABC"), each.hint) for name, each in MISTAKING.items()},
        "library's spread": Wrong((_agreement, _by_library, "ABC"), "Your function calls `spread` of segkit"),
        "trusts the stop": Wrong((_agreement, _verdict, "AC"), "by which factor do they differ"),
        "trusts the predictor": Wrong((_agreement, _verdict, "AB"), "what is easier than to predict it"),
        "all collapse": Wrong((_agreement, _verdict, "ABCD"), "D does not end there"),
    },
)
def check_collapse(answer: Any) -> None:
    agreement, verdict, letters = parts(answer, "agreement", "verdict", "collapse")
    with part("agreement"):
        _judge_agreement(agreement)
    with part("verdict"):
        _judge_verdict(verdict)
    judge_letters(
        letters, wanted=COLLAPSE, others=STANDS, one="1 more ends there.", many="{} more end there."
    )
    with part("agreement"):
        wide = after_descent(agreement)
        if wide > POINT:
            raise Hint(f"It does not collapse: after descent on your loss the spread is {wide:.2f}.")


def _judge_agreement(agreement: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = [tuple(2 * torch.randn(2, n, 5, generator=generator)) for n in (3, 8)]
    call_by_hand(agreement, *inputs[0], room=ROOM)
    compare(agreement, _agreement, inputs, mistakes=AGREEMENTS, tolerance=1e-4)
    leaves = [each.clone().requires_grad_() for each in inputs[0]]
    loss = agreement(*leaves)
    if not (getattr(loss, "requires_grad", False) and loss.ndim == 0):
        raise Hint(NO_GRADIENT)


def after_descent(agreement: Agreement, *, steps: int = 120) -> float:
    """The spread of the features of a small net after descent on a loss of two noisy views."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(steps):
        images = torch.randn(64, 8, generator=generator)
        views = images + 0.3 * torch.randn(2, 64, 8, generator=generator)
        optimiser.zero_grad()
        agreement(*net(views)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        return float(spread(net(torch.randn(1, 500, 8, generator=generator))))


def _judge_verdict(verdict: Any) -> None:
    inputs = _features()
    given: list[str] = []
    for each in inputs:
        found = call_by_hand(verdict, each, room=ROOM) if not given else call(verdict, each)
        if found not in VERDICTS:
            raise Hint(f"One of {', '.join(map(repr, VERDICTS))} is expected, not {found!r}.")
        given.append(found)
    if given == [_verdict(each) for each in inputs]:
        return
    for mistake in MISTAKING.values():
        if given == [mistake.answer(each) for each in inputs]:
            raise Hint(mistake.hint)
    for each, found in zip(inputs, given, strict=True):
        if found != (wanted := _verdict(each)):
            length = float(numbers(each.norm(dim=-1).mean()))
            raise Hint(
                f"Features of shape {tuple(each.shape)}, {length:.2g} long in the mean, are {wanted!r}; "
                f"yours says {found!r}."
            )


def _features() -> list[Tensor]:
    """Features (B, Q, C) of all kinds, far from the limits; some small, some long, some of many channels."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    content, place, one = normal(16, 40, 8), normal(1, 40, 8), normal(1, 1, 8)
    return [
        content,
        1e-3 * content,
        normal(12, 30, 200),
        content + place,
        normal(16, 1, 8) + 0.1 * content,
        one + 0.01 * content,
        one * (1 + 3 * content[..., :1].abs()) + 0.01 * content,
        place + 0.1 * content,
        0.01 * place + 0.001 * content,
        5 * place + normal(16, 1, 1) * 0.05 + 0.3 * content,
        one + 0.02 * place + 0.001 * content,
    ]
