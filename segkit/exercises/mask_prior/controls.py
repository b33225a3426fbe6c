"""The arms that would refute the method, and the claims that a table of such arms leaves standing."""

from __future__ import annotations

from typing import Any

from segkit.exercises.judging import judge_letters
from segkit.exercises.mask_prior.arms import STRANGERS_AND_CONSTANT, judge_arms, right_arms
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong, exercise

TABLE: dict[str, tuple[float, float, float]] = {
    "image": (0.50, 0.0, 0.0),
    "+ constant": (0.50, -0.02, 0.02),
    "+ place in the array": (0.55, 0.02, 0.08),
    "+ stranger's mask": (0.45, -0.09, -0.01),
    "+ box of the mask": (0.71, 0.17, 0.25),
    "+ mask": (0.78, 0.24, 0.32),
    "+ predicted mask": (0.51, -0.02, 0.04),
    "mask alone": (0.70, 0.14, 0.26),
    "image, all patients": (0.85, 0.0, 0.0),
    "+ mask, all patients": (0.92, 0.05, 0.09),
}
"""Made up. Arm → mean Dice, and the interval of its difference from the image with as many patients."""

FALLS = {
    "A": "Which arm has as many weights as the mask's, and nothing to learn from?",
    "B": "Which arm has the look of a mask and not this patient's?",
    "E": "Which arm is the one that a user has at test time, without a label?",
    "G": "Does the gain vanish in the last rows, and was this mask computed from the scan alone?",
}
STANDS = {
    "C": "C stands: the upper end of the place in the array lies below half of the mask's lower end.",
    "D": "D stands: the lower end of the box lies above half of the mask's upper end.",
    "F": "F stands: the whole interval of the mask alone lies above 0.",
    "H": "H stands: no row contradicts it, and the true mask shows what there would be to gain.",
}
KEYS = "ABCDEFGH"


@exercise(
    "mask_prior.refuting_controls",
    kind="criticise",
    minutes=20,
    start="Sort the images by patient. How far must the masks be moved along, to leave every patient?",
    wrong={
        **{
            name: Wrong((each.answer, set(FALLS)), each.hint) for name, each in STRANGERS_AND_CONSTANT.items()
        },
        "trusts the oracle": Wrong(
            (right_arms, set(FALLS) - {"E"}), "1 claim falls still. Which arm is the one"
        ),
        "trusts the argument": Wrong((right_arms, "ABE"), "1 claim falls still. Does the gain vanish"),
        "no controls": Wrong((right_arms, ["G", "E"]), "2 claims fall still. Which arm has as many weights"),
        "doubts the box": Wrong((right_arms, {*FALLS, "D"}), "D stands"),
        "doubts all": Wrong(
            (right_arms, KEYS), "C stands: the upper end of the place in the array lies below"
        ),
        "arms alone": Wrong(right_arms, "Pass all parts to check()"),
    },
)
def check_refuting_controls(answer: Any) -> None:
    arms, falls = parts(answer, "controls", "falls")
    with part("controls"):
        judge_arms(arms)
    judge_letters(
        falls, wanted=FALLS, others=STANDS, one="1 claim falls still.", many="{} claims fall still."
    )
