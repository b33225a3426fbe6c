"""A made-up experiment on the envelope, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from segkit.exercises.judging import judge_letters
from segkit.exercises.registry import Wrong, exercise

FLAWS = {
    "B": "Had cross-entropy finished learning when it was stopped?",
    "C": "Does noise that is as often outside as inside hurt plain cross-entropy at all?",
    "E": "What chose σ, and what was it afterwards reported on?",
    "F": "Could a class weight give the same gain, as trimming shifts the balance of the classes too?",
    "H": "Among how many images did the image level select in each step?",
    "I": "Are 200 pairs that share five pairs of nets 200 observations?",
    "K": "Would the table tell a better outline from a larger one, now that trimming makes structures grow?",
}
SOUND = {
    "A": "A is sound: the split is by patient and older than every choice.",
    "D": "D is sound: what was wrong in training must not be wrong in the test, else noise is rewarded.",
    "G": "G is sound: the same draws and updates make the arms comparable and the differences paired.",
    "J": "J is sound: failures are seen in the minimum, not in the mean.",
}
KEYS = "ABCDEFGHIJK"


@exercise(
    "loss_envelope.criticise_experiment",
    kind="criticise",
    minutes=10,
    start="Ask of each statement: could the envelope look better, or surer, than it is because of it?",
    wrong={
        "trusts the budget": Wrong(set(FLAWS) - {"B"}, "finished learning"),
        "trusts the p-value": Wrong(set(FLAWS) - {"I"}, "200 observations"),
        "trusts what it is called": Wrong("B, C, E, F, I, K", "did the image level select"),
        "needs no control": Wrong(list("BCEHI"), "2 flaws are still hidden. Could a class weight"),
        "wants noisy tests": Wrong({*FLAWS, "D"}, "D is sound"),
        "suspects everything": Wrong(KEYS, "A is sound"),
    },
)
def check_criticise_experiment(answer: Any) -> None:
    judge_letters(
        answer, wanted=FLAWS, others=SOUND, one="1 flaw is still hidden.", many="{} flaws are still hidden."
    )
