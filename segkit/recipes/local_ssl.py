"""Chapter 7 at full size: pre-train without labels on pairs of views, fine-tune on few labelled patients.

    segkit train local_ssl --data openkbp --scale full --out runs/local

Pre-training sees the images of the whole training part; fine-tuning the labels of `labelled.share` of it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from segkit.local_ssl import (
    FineTuning,
    Intensity,
    LocalConsistency,
    LocalPretraining,
    TwoBoxes,
    load_pretrained,
    make_views,
    two_rates,
)
from segkit.losses import DiceCELoss
from segkit.recipes.launching import main
from segkit.recipes.material import few_labelled
from segkit.recipes.measuring import Segmenter
from segkit.recipes.run import Run
from segkit.recipes.segmenters import plain_segmenter
from segkit.recipes.settings import Section
from segkit.train import Batch, State


def train(run: Run) -> None:
    """Pre-train, fine-tune, measure on the test part."""
    weights = pretrain(run)
    few, _ = few_labelled(run.data, run.settings.labelled.share, draw=run.settings.labelled.draw)
    net, asked = run.network(), run.settings.finetuning
    report = load_pretrained(net, weights, fresh=["head"])
    method = FineTuning(
        net, DiceCELoss(**run.settings.loss), pretrained=report.pretrained, frozen=asked.frozen
    )
    optimizer = two_rates(method.old, factor=asked.factor, weight_decay=run.settings.training.weight_decay)
    run.fit(method, run.patches(few), phase="finetuning", optimizer=optimizer)
    run.evaluate()


def pretrain(run: Run) -> dict[str, Tensor]:
    """Compare two views of each volume, point by point; the trained tensors of the network."""
    asked, axes = run.settings.pretraining, run.data.dims
    view = [max(1, side // 2) for side in run.geometry.patch]
    scale = (asked.scale[0], asked.scale[1])
    boxes = TwoBoxes(view, scale=scale, overlap=asked.overlap, flip_axes=run.flip_axes)
    volumes = run.patches(
        run.data.cases("train"), patch=run.geometry.patch, batch_size=asked.batch_size, keys=("image",)
    )
    net = run.network()
    local = LocalConsistency(
        net,  # type: ignore[arg-type]
        asked.tap, points=(asked.points,) * axes, hidden=asked.hidden, out=asked.out,
    )  # fmt: skip
    method = LocalPretraining(net, {"local": local}, decay=asked.decay)  # type: ignore[arg-type]
    training = run.settings.training.merged({"iterations": asked.iterations, "batch_size": asked.batch_size})
    run.fit(
        method, volumes, transform=partial(two_views, boxes=boxes, intensity=Intensity()), training=training,
        phase="pretraining", watch=False, config={"pretrained": method.trained},
        strategy="ddp_find_unused_parameters_true" if run.machine.processes > 1 else "auto",
    )  # fmt: skip
    return {name: net.state_dict()[name] for name in method.trained}


def two_views(batch: Batch, state: State, *, boxes: TwoBoxes, intensity: Intensity) -> Batch:
    """Two views of each volume of a batch, on its device; those of a row follow from its seed alone."""
    rows = [
        make_views(image[None], boxes, int(seed), intensity=intensity)
        for image, seed in zip(batch["image"], batch["seed"].tolist(), strict=True)
    ]
    return {key: torch.cat([row[key] for row in rows]) for key in rows[0]}


def segmenter(folder: Path, settings: Section, device: torch.device) -> Segmenter:
    """The fine-tuned network predicts."""
    return plain_segmenter(folder / "finetuning", settings, device)


if __name__ == "__main__":
    raise SystemExit(main("local_ssl"))
