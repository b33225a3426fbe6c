"""Segment an image with a trained network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segkit.errors import ConfigError, DataError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from segkit.data import Case

_EXAMPLES = """examples:
  segkit predict runs/hippocampus scan.nii.gz -o mask.nii.gz
  segkit predict runs/hippocampus/checkpoint-000400 scan.nii.gz -o mask.nii.gz --flips 0,1,2
  segkit predict runs/abdomen scan.nii.gz -o mask.nii.gz --patch 96,96,32 --overlap 0.25 --device cuda

CHECKPOINT is a folder that training wrote: of one checkpoint, or of a run, whose newest is taken. The image
is prepared as the checkpoint says, and the mask has the grid and the affine of the image.

If the folder holds two stages (two_stage.json, stage1, stage2), the first says where to crop and the second
segments the crop; the options for windows and flips are those of the second. If it is the run of a recipe
with several networks, window and flips are those of its training.
"""


def add(subparsers: Any) -> None:
    """Declare `segkit predict`."""
    parser = subparsers.add_parser("predict", help="segment an image", description=__doc__, epilog=_EXAMPLES)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="folder of a checkpoint or of a run")
    parser.add_argument("image", metavar="IMAGE", help="the image, .nii or .nii.gz")
    parser.add_argument(
        "-o", "--output", metavar="MASK", required=True, help="where the mask is written, .nii.gz"
    )
    parser.add_argument(
        "--patch",
        type=_patch,
        metavar="X,Y,Z|whole",
        help="size of the sliding window (default: that of the checkpoint, else the whole image)",
    )
    parser.add_argument(
        "--overlap",
        type=float,
        default=0.5,
        help="share of a window that the next one covers again (default 0.5)",
    )
    parser.add_argument(
        "--flips",
        type=_numbers,
        default=(),
        metavar="AXES",
        help="axes to flip and average over, such as 0,1",
    )
    parser.add_argument("--batch-size", type=int, default=1, help="windows per step (default 1)")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, mps")


def run(args: argparse.Namespace) -> int:
    """Predict and write the mask."""
    from segkit.data import read_case, write_mask
    from segkit.voxel_metric.folder import is_two_stage

    output = Path(args.output)
    if not output.name.endswith((".nii", ".nii.gz")):  # said before the work, not after it
        raise DataError(f"{output}: a mask is written as .nii or .nii.gz; choose such a name")
    predict = _two_stages if is_two_stage(args.checkpoint) else _one_stage
    if predict is _one_stage and _has_several_networks(Path(args.checkpoint)):
        predict = _by_recipe
    case = read_case(args.image)
    print(write_mask(predict(args, case), case, output))
    return 0


def _one_stage(args: argparse.Namespace, case: Case) -> Tensor:
    """Labels by the network of a checkpoint."""
    from segkit.evaluate import predict_case
    from segkit.train.architecture import load_network

    net, checkpoint = load_network(args.checkpoint)
    kwargs = checkpoint.config["architecture"].get("kwargs", {})
    _check_channels(case, kwargs.get("in_channels"), args.image)
    net = net.to(_device(args.device))
    return predict_case(
        lambda x: net(x).softmax(1),
        case,
        steps=checkpoint.config.get("preprocess", ()),
        slices=kwargs.get("spatial_dims") == 2,
        patch=_chosen(args.patch, checkpoint.config.get("patch")),
        overlap=args.overlap,
        flips=args.flips,
        batch_size=args.batch_size,
        device=args.device,
    )


def _has_several_networks(folder: Path) -> bool:
    """Whether a folder is the run of a recipe whose checkpoints lie in folders below it."""
    from segkit.recipes.records import has_settings
    from segkit.train import latest_checkpoint

    return has_settings(folder) and latest_checkpoint(folder) is None


def _by_recipe(args: argparse.Namespace, case: Case) -> Tensor:
    """Labels by the networks of a recipe."""
    from segkit.recipes.segmenters import segment_image

    if args.patch is not None or args.flips:
        raise ConfigError(
            f"{args.checkpoint} has several networks, trained for one window: leave out --patch and --flips"
        )
    return segment_image(
        Path(args.checkpoint),
        case,
        device=_device(args.device),
        overlap=args.overlap,
        batch_size=args.batch_size,
    )


def _two_stages(args: argparse.Namespace, case: Case) -> Tensor:
    """Labels by the two networks of a folder; says so if the first found nothing."""
    from segkit.voxel_metric.folder import load_two_stage

    two = load_two_stage(args.checkpoint, device=_device(args.device))
    for stage in (two.first, two.second):
        _check_channels(case, stage.channels, args.image)
    found = two.predict(
        case,
        patch=args.patch or None,
        overlap=args.overlap,
        flips=args.flips,
        batch_size=args.batch_size,
    )
    if not found.located.found:
        print(
            f"stage 1 found nothing in {args.image}: the crop lies at the mean place of the training cases",
            file=sys.stderr,
        )
    return found.labels


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def _patch(text: str) -> tuple[int, ...]:
    """Sizes, or () for the whole image."""
    return () if text == "whole" else _numbers(text)


# argparse names the type in its message.
_numbers.__name__ = "list of numbers"
_patch.__name__ = "patch"


def _chosen(asked: tuple[int, ...] | None, trained: list[int] | None) -> tuple[int, ...] | None:
    """The window that was asked for, else that of the training; None for the whole image."""
    sizes = trained if asked is None else asked
    return tuple(sizes) if sizes else None


def _check_channels(case: Case, wanted: int | None, path: str) -> None:
    found = len(case.image)
    if wanted not in (None, found):
        raise DataError(f"{path} has {found} channels, but the network was trained on {wanted}")


def _device(name: str) -> torch.device:
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"the device {name!r} cannot be used ({reason}): choose another, such as cpu"
        ) from error
    return device
