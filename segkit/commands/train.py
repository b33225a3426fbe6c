"""Train a recipe, from public data to a measured test part."""

from __future__ import annotations

import argparse
from typing import Any

_EXAMPLES = """examples:
  segkit train supervised --data hippocampus --out runs/a           seconds: a check of the machinery
  segkit train supervised --data hippocampus --scale full --dry-run plan, size, memory and time
  segkit train voxel_metric --data openkbp --scale full --out runs/b --set training.lr=0.005 seed=1
  segkit train supervised --scale full --out runs/a --resume        go on after any interruption
  torchrun --nproc_per_node=8 -m segkit train supervised --scale full --devices 8 --out runs/c

FOLDER receives the settings, checkpoints, a log for TensorBoard, and in `test` the predicted masks, the
metrics of every case and report.html. `segkit predict FOLDER image.nii.gz -o mask.nii.gz` uses the result.

Several GPUs of one machine: --devices N. Several machines: the same command on each, with --num-nodes M,
under torchrun or SLURM, or with MASTER_ADDR, MASTER_PORT and NODE_RANK set.
"""


def add(subparsers: Any) -> None:
    """Declare `segkit train`."""
    from segkit.recipes import RECIPES
    from segkit.recipes.launching import add_arguments

    parser = subparsers.add_parser("train", help="train a recipe", description=__doc__, epilog=_EXAMPLES)
    parser.add_argument("recipe", metavar="RECIPE", choices=RECIPES, help=", ".join(RECIPES))
    add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Train and measure."""
    from segkit.recipes.launching import launch

    return launch(args.recipe, args)
