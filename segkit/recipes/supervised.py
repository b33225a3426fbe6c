"""Supervised training: a U-Net under soft Dice and cross-entropy, the baseline of every other recipe.

    segkit train supervised --data hippocampus --scale full --out runs/hippocampus
    torchrun --nproc_per_node=8 -m segkit.recipes.supervised --scale full --devices 8 --out runs/hippocampus

Every number is in `supervised.yaml`.
"""

from __future__ import annotations

from segkit.losses import DiceCELoss
from segkit.recipes.launching import main
from segkit.recipes.run import Run
from segkit.train import Supervised


def train(run: Run) -> None:
    """Train on the training part, measure on the test part."""
    method = Supervised(run.network(), DiceCELoss(**run.settings.loss))
    run.fit(method, run.patches(run.data.cases("train")))
    run.evaluate()


if __name__ == "__main__":
    raise SystemExit(main("supervised"))
