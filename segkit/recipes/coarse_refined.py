"""Chapter 6 at full size: few labelled patients and many unlabelled ones.

    segkit train coarse_refined --data hc18 --scale full --out runs/refined --set labelled.share=0.04

Both outputs of the coarse-refined network learn from the labels; on unlabelled images they learn the refined
output of a weaker view. Two ranked losses order the features of pixels and patches at the contours.
"""

from __future__ import annotations

from segkit.coarse_refined import (
    CoarseRefined,
    ContourPatchSampler,
    GridPatchSampler,
    InterPatchRankedLoss,
    IntraPatchRankedLoss,
    RampUp,
    RankedTerms,
    StrongView,
)
from segkit.data import TwoStreamBatches
from segkit.losses import DiceCELoss
from segkit.recipes.launching import main
from segkit.recipes.material import few_labelled
from segkit.recipes.run import Run


def train(run: Run) -> None:
    """Train on labelled and unlabelled patients of the training part, measure on the test part."""
    asked, labelled = run.settings.consistency, run.settings.labelled
    few, rest = few_labelled(run.data, labelled.share, draw=labelled.draw)
    batches = TwoStreamBatches(
        run.patches(few),
        run.patches(rest or few, batch_size=labelled.unlabelled_batch, keys=("image",), stream=1),
    )
    net = run.network("segkit.coarse_refined.CoarseRefinedNet", **run.settings.refiner)
    method = CoarseRefined(
        net,  # type: ignore[arg-type]
        view=StrongView(**run.settings.view),
        ramp=RampUp(asked.weight, length=asked.ramp),
        ranked=ranked_terms(run),
        loss=DiceCELoss(**run.settings.loss),
    )
    run.fit(method, batches)
    run.evaluate()


def ranked_terms(run: Run) -> RankedTerms:
    """Both ranked losses, on patches that suit the size of what the network sees."""
    asked = run.settings.ranked
    shortest = min(run.geometry.patch)
    intra = ContourPatchSampler(
        min(asked.contour_side, shortest), patches=asked.contour_patches, per_side=asked.per_side
    )
    inter = GridPatchSampler(min(asked.grid_side, shortest), slots=asked.grid_slots)
    return RankedTerms(
        IntraPatchRankedLoss(sampler=intra),
        InterPatchRankedLoss(
            len(run.data.classes),
            embedding=run.settings.refiner.embedding,
            sampler=inter,
            memory=asked.memory,
        ),
        weights=(asked.intra_weight, asked.inter_weight),
        start=asked.start,
    )


if __name__ == "__main__":
    raise SystemExit(main("coarse_refined"))
