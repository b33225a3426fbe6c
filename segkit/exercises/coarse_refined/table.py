"""A made-up table of semi-supervised methods, and what is wrong with how it came about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from segkit.exercises.judging import compare, judge_letters
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong, exercise

Corrected = Callable[[float, int, int, float], float]

TABLE = {
    "supervised": (1_000, 0.412, 3.9, 96),
    "mean teacher": (24_000, 0.561, 6.1, 34),
    "cross pseudo supervision": (24_000, 0.455, 4.4, 81),
    "mutual consistency": (24_000, 0.538, 5.7, 40),
    "ours": (24_000, 0.640, 5.2, 18),
}
"""Made up. Arm → updates, mean Dice, mean HD95 in voxels, missed structures of 240."""
STRUCTURES, DIAGONAL = 240, 136.0

FLAWS = {
    "B": "Which images decide when the training of a run ends, and which images are in the table?",
    "C": "Which row has the smallest HD95, and which has the smallest Dice?",
    "D": "How many updates does an arm get for 200 passes over two patients?",
    "F": "What would pasting one labelled image into another have gained, without unlabelled ones?",
    "G": "What would the baselines have gained from sixty trials on these images?",
    "H": "How many choices of the two labelled patients stand behind the small p?",
    "I": "What is the consistency loss of a net that says background everywhere?",
}
SOUND = {
    "A": "A is sound: no patient is in two parts, whichever phase a volume shows.",
    "E": "E is sound: this arm tells what unlabelled images do by passing through the net alone.",
    "J": "J is sound: all arms predict with one net of the same size.",
    "K": "K is sound: unlabelled images of training patients are what the method is for.",
}
KEYS = "ABCDEFGHIJK"


def _corrected(hd95: float, missed: int, structures: int, worst: float) -> float:
    return hd95 + worst * missed / structures


MISTAKES = {
    "found ones": Wrong(
        lambda h, m, n, worst: h * n / (n - m),
        "That is the mean over the structures that were found; a missed one should count as `worst` in it.",
    ),
    "mean of found": Wrong(
        lambda h, m, n, worst: (h * (n - m) + worst * m) / n,
        "You take `hd95` for the mean over the structures found; it is one over all, with zeros in it.",
    ),
    "sum": Wrong(
        lambda h, m, n, worst: h + worst * m,
        "You add the whole of what is missing; the table gives a mean over `structures`.",
    ),
    "over found": Wrong(
        lambda h, m, n, worst: (h * n + worst * m) / (n - m),
        "The sum is right, but it is over all structures: divide by their number.",
    ),
    "as printed": Wrong(
        lambda h, m, n, worst: h, "Yours is the printed one: a missed structure still counts 0."
    ),
}


@exercise(
    "coarse_refined.criticise_table",
    kind="criticise",
    minutes=15,
    start="A mean over 240 structures, of which some count 0: what is their sum, and what belongs into it?",
    wrong={
        **{name: Wrong((each.answer, set(FLAWS)), each.hint) for name, each in MISTAKES.items()},
        "trusts the checkpoint": Wrong((_corrected, set(FLAWS) - {"B"}), "decide when the training of a run"),
        "trusts the mixing": Wrong((_corrected, set(FLAWS) - {"F"}), "pasting one labelled image"),
        "trusts agreement": Wrong((_corrected, set(FLAWS) - {"I"}), "that says background everywhere"),
        "trusts the p": Wrong((_corrected, "BCDFI"), "2 flaws are still hidden. What would the baselines"),
        "doubts the control": Wrong((_corrected, {*FLAWS, "E"}), "E is sound"),
        "doubts everything": Wrong((_corrected, KEYS), "A is sound"),
    },
)
def check_criticise_table(answer: Any) -> None:
    corrected, flaws = parts(answer, "corrected", "flaws")
    inputs = [(3.9, 96, 240, 136.0), (5.0, 0, 10, 80.0), (0.0, 7, 7, 91.0), (2.5, 3, 12, 40.0)]
    with part("corrected"):
        compare(corrected, _corrected, inputs[:2] + inputs[3:], mistakes=MISTAKES, tolerance=1e-6)
        compare(corrected, _corrected, inputs[2:3], mistakes={}, tolerance=1e-6)
    judge_letters(
        flaws, wanted=FLAWS, others=SOUND, one="1 flaw is still hidden.", many="{} flaws are still hidden."
    )
