"""Why comparing the same place of two views teaches a network its place and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin
from typing import Any

from segkit.exercises.judging import compare, judge_letters
from segkit.exercises.parts import judge_predictions, part, parts
from segkit.exercises.registry import Wrong, exercise

Loss = Callable[[float, float, float], float]

SETTINGS = {"unaligned": (0.0, 1.0), "aligned": (0.7, 0.0), "aligned, one box": (0.7, 1.0)}
"""How alike the contents of two compared features are, and how alike their places."""

RIGHT: dict[str, float | tuple[float, ...]] = {
    "unaligned": (0.0, 1.0),
    "aligned": (0.6, 0.0),
    "aligned, one box": (0.0, 1.0),
}
"""The smallest loss, and the positional share of the features that attain it."""

QUESTIONS: dict[str, dict[float | tuple[float, ...] | None, str]] = {
    "unaligned": {
        (2.0, 0.0): "Features of content have nothing in common there. Which features agree entirely?",
        (
            0.0,
            0.0,
        ): "Which features agree entirely though their anatomy differs? By what is the same in both.",
        None: "What is the same in the two features that are compared, and what is not?",
    },
    "aligned": {
        (0.0, 0.0): "The content is 0.7 alike and no more: what is left of 2 − 2 · 0.7?",
        (2.0, 1.0): "That is the loss of features that hold the place alone: it is the largest one.",
        None: "Which angle is best where the place tells nothing, and what is the loss there?",
    },
    "aligned, one box": {
        (0.6, 0.0): "The same content is compared, and so is the same place. Which of the two agrees better?",
        None: "If both views come from one box, what does alignment change?",
    },
}
ALARMS = {
    "C": "What does the index in the view explain in features with φ = π / 2?",
    "D": "Which point would features with φ = π / 2 find in the other view: the same anatomy?",
    "F": "How alike are features of the same place of another patient, compared with the same anatomy?",
}
SILENT = {
    "A": "A is silent: with 0 the loss is lower than that of any useful network.",
    "B": "B is silent: E ‖f‖² is 1 for every φ, and the places differ from each other.",
    "E": "E is silent: places may fill as many directions as contents do.",
}


def _loss(
    phi: float,
    content: float,
    place: float,
    *,
    shares: Callable[[float], tuple[float, float]] = lambda phi: (cos(phi) ** 2, sin(phi) ** 2),
    base: float = 2.0,
    factor: float = 2.0,
    crossed: float = 0.0,
) -> float:
    of_content, of_place = shares(phi)
    mixed = crossed * 2 * cos(phi) * sin(phi)
    return base - factor * (of_content * content + of_place * place + mixed)


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda phi, content, place: _loss(phi, content, place, **changes), hint)


MISTAKES = {
    "not squared": _mistake(
        "Each of the two features brings a factor: cos φ enters twice.",
        shares=lambda phi: (cos(phi), sin(phi)),
    ),
    "exchanged": _mistake(
        "Content and place are exchanged: with φ = 0 a feature holds the content alone.",
        shares=lambda phi: (sin(phi) ** 2, cos(phi) ** 2),
    ),
    "mixed terms": _mistake(
        "Content and place are independent with mean 0: the mean of c · e' is 0.", crossed=1.0
    ),
    "one of two": _mistake("The middle term of ‖f − f'‖² comes twice.", factor=1.0),
    "half": _mistake("Yours is half of it: both ‖f‖² and ‖f'‖² have the mean 1.", base=1.0, factor=1.0),
    "agreement": _mistake("That is how alike they are, not how far apart.", base=0.0, factor=-1.0),
    "content alone": _mistake(
        "In yours the place makes no difference: where it is the same in both, it agrees.",
        shares=lambda phi: (cos(phi) ** 2, 0.0),
    ),
}


def _but(name: str, *values: float) -> dict[str, Any]:
    return {**RIGHT, name: values}


@exercise(
    "local_ssl.position",
    kind="criticise",
    minutes=15,
    start="Multiply out ‖f − f'‖². Which of the four products of c, e, c' and e' has a mean that is not 0?",
    wrong={
        **{
            name: Wrong((each.answer, RIGHT, set(ALARMS)), f"`loss`: {each.hint}")
            for name, each in MISTAKES.items()
        },
        "no agreement": Wrong((_loss, _but("unaligned", 2, 0), set(ALARMS)), "Which features agree entirely"),
        "perfect": Wrong((_loss, _but("aligned", 0, 0), set(ALARMS)), "what is left of 2 − 2"),
        "alignment suffices": Wrong(
            (_loss, _but("aligned, one box", 0.6, 0), set(ALARMS)), "Which of the two agrees better"
        ),
        "trusts the loss": Wrong((_loss, RIGHT, {*ALARMS, "A"}), "A is silent"),
        "trusts the spread": Wrong((_loss, RIGHT, {*ALARMS, "B"}), "B is silent"),
        "trusts the rank": Wrong((_loss, RIGHT, {*ALARMS, "E"}), "E is silent"),
        "one alarm": Wrong((_loss, RIGHT, "C"), "2 more would tell"),
    },
)
def check_position(answer: Any) -> None:
    loss, predicted, alarms = parts(answer, "loss", "predicted", "alarms")
    inputs = [(0.3, 0.7, 0.2), (1.1, 0.1, 0.9), (0.0, 0.5, 1.0), (pi / 2, 0.4, 0.3), (0.8, 0.0, 1.0)]
    with part("loss"):
        compare(loss, _loss, inputs, mistakes=MISTAKES, tolerance=1e-6)
    with part("predicted"):
        judge_predictions(predicted, RIGHT, QUESTIONS)
    judge_letters(alarms, wanted=ALARMS, others=SILENT, one="1 more would tell.", many="{} more would tell.")
