"""Train a network on a named data set."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segkit.errors import ConfigError

if TYPE_CHECKING:
    from segkit.data import Case
    from segkit.train import Method, Scale

_EXAMPLES = """examples:
  segkit train supervised --data hippocampus --out runs/hippocampus
  segkit train supervised --data hippocampus --scale laptop --out runs/longer --precision 32-true
  segkit train supervised --data hippocampus --scale laptop --out runs/longer --precision 32-true --resume
  torchrun --nproc_per_node=8 -m segkit train supervised --data openkbp --scale full --devices 8 --out runs/a

FOLDER receives checkpoints, which `segkit predict FOLDER image.nii.gz -o mask.nii.gz` reads, and a log for
TensorBoard. A run that was stopped at any moment goes on with the same command and --resume.
"""

SETTINGS: dict[str, dict[str, Any]] = {
    "hippocampus": {"preprocess": [{"name": "z_score"}]},
    "openkbp": {"preprocess": [{"name": "window", "kwargs": {"low": -200, "high": 400}}]},
    "acdc": {
        "preprocess": [{"name": "z_score"}],
        "patch": (128, 128, 8),
        "strides": [1, [2, 2, 1], [2, 2, 1]],
    },
    "chaos": {
        "preprocess": [{"name": "z_score"}],
        "patch": (128, 128, 16),
        "strides": [1, [2, 2, 1], [2, 2, 2]],
    },
    "hc18": {"preprocess": [{"name": "resize", "kwargs": {"shape": [144, 216]}}, {"name": "z_score"}],
             "patch": (144, 216)},
}  # fmt: skip
"""What a data set needs that a scale does not know: how intensities are prepared, thick slices, the patch."""


def add(subparsers: Any) -> None:
    """Declare `segkit train`."""
    parser = subparsers.add_parser("train", help="train a network", description=__doc__, epilog=_EXAMPLES)
    parser.add_argument("method", metavar="METHOD", choices=("supervised",), help="supervised")
    parser.add_argument(
        "--data", metavar="NAME", default="hippocampus", help="data set (default hippocampus)"
    )
    parser.add_argument("--out", metavar="FOLDER", required=True, help="where the run is kept")
    parser.add_argument("--scale", help="toy, laptop, colab or full (default: $SCALE, else toy)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in FOLDER")
    parser.add_argument("--iterations", type=int, metavar="N", help="updates, instead of the scale's")
    parser.add_argument("--batch-size", type=int, metavar="N", help="patches per update over all devices")
    parser.add_argument("--patch", type=_sizes, metavar="X,Y,Z", help="voxels along each axis of a patch")
    parser.add_argument("--lr", type=float, default=8e-3, help="peak learning rate (default 0.008)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches (default 0)")
    parser.add_argument(
        "--precision", help="auto, 32-true, bf16-mixed or 16-mixed (default: the scale's, auto)"
    )
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="per machine (default 1)")
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help="machines (default 1)")
    parser.add_argument("--accelerator", default="auto", help="auto (default), cpu, cuda or mps")


def run(args: argparse.Namespace) -> int:
    """Train, and print the Dice of the validation part."""
    from segkit.data import PatchBatches, Prefetch, describe, load
    from segkit.evaluate import preprocess
    from segkit.losses import DiceCELoss
    from segkit.train import Supervised, Trainer, build_network, one_cycle, seed_everything

    dataset = describe(args.data)
    settings = SETTINGS[dataset.name]
    scale = _scale(args, settings)
    train = [preprocess(case, settings["preprocess"]) for case in load(dataset.name, "train")]
    config = network_config(train[0], settings, scale)
    patches = PatchBatches(train, patch=scale.patch, batch_size=scale.batch_size, seed=args.seed)
    batches = Prefetch(patches, workers=scale.workers)
    seed_everything(args.seed)
    trainer = Trainer(
        Supervised(build_network(config), DiceCELoss()), iterations=scale.iterations, lr=args.lr,
        schedule=one_cycle, clip=12.0, seed=args.seed, precision=scale.precision, devices=args.devices,
        num_nodes=args.nodes, accelerator=args.accelerator, folder=args.out, resume=args.resume,
        config=config,
    )  # fmt: skip
    validation = load(dataset.name, "validation")
    history = trainer.fit(batches, validate=lambda method: dice_per_class(method, validation, config))
    if trainer.fabric.is_global_zero:
        print(
            f"{len(history)} updates in {history.seconds:.1f} s; validation Dice of {len(validation)} cases:"
        )
        for name in dataset.classes[1:]:
            print(f"  {name} {history.column(f'validation.dice.{name}')[-1]:.4f}")
        print(args.out)
    return 0


def network_config(case: Case, settings: dict[str, Any], scale: Scale) -> dict[str, Any]:
    """What a checkpoint tells of the network and of the images that it was trained on.

    Args:
        case: a prepared training case.
        settings: an entry of `SETTINGS`.
        scale: of the run.
    """
    kwargs = {
        "spatial_dims": len(case.shape),
        "in_channels": len(case.image),
        "n_classes": case.n_classes,
        "channels": [16, 32, 64],
        "convs": 1,
    }
    if "strides" in settings:
        kwargs["strides"] = settings["strides"]
    return {
        "architecture": {"name": "UNet", "kwargs": kwargs},
        "classes": list(case.classes),
        "preprocess": settings["preprocess"],
        "spacing_mm": None if case.spacing_mm is None else list(case.spacing_mm),
        "patch": list(scale.patch),
    }


def dice_per_class(method: Method, cases: Sequence[Case], config: dict[str, Any]) -> dict[str, float]:
    """Mean Dice of each structure over cases as they were read.

    Args:
        method: predicts.
        cases: labelled, not prepared.
        config: from `network_config`.
    """
    from segkit.evaluate import evaluate_case, predict_case, summarise

    device = next(method.parameters()).device
    found: dict[str, list[Any]] = {}
    for case in cases:
        steps, patch = config["preprocess"], config["patch"]
        # Several windows at once: in float32 a batch of one takes the slowest of torch's 3-D convolutions.
        labels = predict_case(method.predict, case, steps=steps, patch=patch, batch_size=4, device=device)
        for name, measures in evaluate_case(labels, case, metrics=["dice"]).items():
            found.setdefault(f"dice.{name}", []).append(measures["dice"])
    return {name: summarise(measures).mean for name, measures in found.items()}


def _scale(args: argparse.Namespace, settings: dict[str, Any]) -> Scale:
    """The scale that was asked for, with what the data set and the command line say."""
    from segkit.train import Scale

    asked = {"iterations": args.iterations, "batch_size": args.batch_size, "precision": args.precision}
    override = {name: value for name, value in asked.items() if value is not None}
    patch = args.patch or settings.get("patch")
    if patch is not None:
        override["patch"] = tuple(patch)
    scale = Scale.from_env(**override) if args.scale is None else Scale.named(args.scale, **override)
    if min(scale.iterations, scale.batch_size, *scale.patch) < 1:
        raise ConfigError("iterations, batch size and the sides of a patch must be 1 or more")
    return scale


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


# argparse names the type in its message.
_sizes.__name__ = "patch"
