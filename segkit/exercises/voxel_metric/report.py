"""A made-up experiment on a metric branch in two stages, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from segkit.exercises.judging import judge_letters
from segkit.exercises.registry import Wrong, exercise

FLAWS = {
    "B": "The branch looks twice at contour voxels; would cross-entropy on the same voxels gain as much?",
    "C": "Of which patients are the voxels in the picture, and what was trained on them?",
    "E": "Who tells the pipeline where the true centroid is when a new patient comes?",
    "F": "What happens in the table to a patient whose organ the box cuts off?",
    "H": "What share of mined triplets violates the margin as long as mining finds any?",
    "I": "What would the plain U-Net have gained from as many trials?",
    "K": "How often does a weight of one lose a structure if a run that lost it is replaced?",
}
SOUND = {
    "A": "A is sound: the box knows training patients only, and errors of a stage 1 that did not know them.",
    "D": "D is sound: a head on frozen features tells what learning both together adds.",
    "G": "G is sound: with the same draws in both arms the differences are paired.",
    "J": "J is sound: the branch is gone, so that no arm has more parameters at test time.",
}
KEYS = "ABCDEFGHIJK"


@exercise(
    "voxel_metric.criticise_experiment",
    kind="criticise",
    minutes=10,
    start="Ask of each statement: could the branch or the two stages look better than they are, by it?",
    wrong={
        "needs no control": Wrong(set(FLAWS) - {"B"}, "cross-entropy on the same voxels"),
        "trusts the picture": Wrong(set(FLAWS) - {"C"}, "Of which patients are the voxels"),
        "trusts the oracle": Wrong("B, C, F, H, I, K", "where the true centroid is"),
        "trusts the share": Wrong(list("BCEFIK"), "as long as mining finds any"),
        "trusts both stages": Wrong(list("BCHIK"), "2 flaws are still hidden. Who tells the pipeline"),
        "distrusts frozen nets": Wrong({*FLAWS, "D"}, "D is sound"),
        "suspects everything": Wrong(KEYS, "A is sound"),
    },
)
def check_criticise_experiment(answer: Any) -> None:
    judge_letters(
        answer, wanted=FLAWS, others=SOUND, one="1 flaw is still hidden.", many="{} flaws are still hidden."
    )
