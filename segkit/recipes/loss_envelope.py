"""Chapter 4 at full size: the supervised recipe under the Top-k / σ envelope.

    segkit train loss_envelope --data hc18 --scale full --out runs/envelope

The envelope drops the voxels with the largest losses of each class and image, and then takes the images with
the largest losses. "Images" are those of one device and one part of an accumulated batch, unless
`envelope.selection` is "gathered": then those of all devices, still of one part. With `top_k: 1.0` all images
count, and devices and parts change nothing.
"""

from __future__ import annotations

from segkit.loss_envelope import Spread, TopKSigmaLoss, Warmup
from segkit.recipes.launching import main
from segkit.recipes.run import Run
from segkit.train import Supervised


def train(run: Run) -> None:
    """Train on the training part, measure on the test part."""
    asked = dict(run.settings.envelope)
    start, end = asked.pop("warmup")
    sigma = Spread(asked.pop("sigma_spread"))
    method = Supervised(run.network(), TopKSigmaLoss(sigma=sigma, warmup=Warmup(start, end), **asked))
    run.fit(method, run.patches(run.data.cases("train")))
    run.evaluate()


if __name__ == "__main__":
    raise SystemExit(main("loss_envelope"))
