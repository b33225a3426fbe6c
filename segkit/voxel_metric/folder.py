"""The two stages in one folder, as `segkit predict` reads them.

folder/
  two_stage.json     the box, and whether images are padded
  stage1/            a run, or one checkpoint
  stage2/            a run, or one checkpoint
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from segkit.errors import CheckpointError, ConfigError
from segkit.evaluate.inference import Predictor
from segkit.train import load_network
from segkit.voxel_metric.boxes import CropBox, as_mm
from segkit.voxel_metric.pipeline import Stage, TwoStage

INDEX = "two_stage.json"
FORMAT = 1


def is_two_stage(folder: str | Path) -> bool:
    """Whether a folder holds two stages, completed by `save_two_stage` or not yet."""
    folder = Path(folder)
    return (folder / INDEX).is_file() or all((folder / f"stage{i}").is_dir() for i in (1, 2))


def save_two_stage(folder: str | Path, box: CropBox, *, pad: bool = False) -> Path:
    """Complete a folder in which the two stages were trained, as `folder/stage1` and `folder/stage2`.

    Both were trained with `Trainer(…, folder=…, config=…)`, and `config` says what prediction has to know:
    "architecture", "preprocess" (with the resampling to the grid of that stage) and "spacing_mm" of that
    grid; for stage 1 also "patch", unless it is to see whole images.

    Args:
        folder: with the two runs.
        box: from `fit_box`, on the grid of stage 2.
        pad: as in `TwoStage`.

    Returns:
        The index, written at once or not at all.

    Raises:
        CheckpointError: a stage is missing, or its spacing is not that of the box.
    """
    folder = Path(folder)
    two = _stages(folder, box, pad=pad, device="cpu")
    text = json.dumps({"format": FORMAT, "box": asdict(two.box), "pad": pad}, indent=1)
    partial = folder / f".partial-{INDEX}"
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / INDEX)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"{folder / INDEX} cannot be written: {error.strerror or error}") from error
    return folder / INDEX


def load_two_stage(folder: str | Path, *, device: torch.device | str = "cpu") -> TwoStage:
    """The pipeline of a folder.

    Args:
        folder: that `save_two_stage` completed.
        device: where both networks predict.

    Raises:
        CheckpointError: the index or a stage is missing or damaged, or their spacings contradict each other.
    """
    folder = Path(folder)
    try:
        found = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if found["format"] > FORMAT:
            raise CheckpointError(
                f"{folder / INDEX} was written by a later segkit (format {found['format']}): update segkit"
            )
        box = CropBox(**{name: tuple(map(float, values)) for name, values in found["box"].items()})
        pad = bool(found["pad"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"{folder / INDEX} is missing or damaged: finish both stages (`segkit train` goes on with "
            "--resume), or complete the folder with save_two_stage()"
        ) from error
    return _stages(folder, box, pad=pad, device=device)


def _stages(folder: Path, box: CropBox, *, pad: bool, device: torch.device | str) -> TwoStage:
    first, second = (_stage(folder / f"stage{i}", f"stage {i}", device) for i in (1, 2))
    if second.spacing_mm is None:
        raise CheckpointError(
            f"the checkpoint of stage 2 of {folder} does not say at which spacing it was trained: train it "
            "with 'spacing_mm' in the Trainer's config"
        )
    if not _same(second.spacing_mm, box.spacing_mm):
        raise CheckpointError(
            f"stage 2 of {folder} was trained at {as_mm(second.spacing_mm)}, but its box was fitted at "
            f"{as_mm(box.spacing_mm)}: fit the box to cases that are prepared for stage 2"
        )
    if first.spacing_mm is not None and len(first.spacing_mm) != len(second.spacing_mm):
        raise CheckpointError(
            f"stage 1 of {folder} works at {as_mm(first.spacing_mm)} and stage 2 at "
            f"{as_mm(second.spacing_mm)}: both must have the same number of axes"
        )
    return TwoStage(first, second, box, pad)


def _stage(folder: Path, name: str, device: torch.device | str) -> Stage:
    network, checkpoint = load_network(folder)
    config: dict[str, Any] = checkpoint.config
    steps, spacing = config.get("preprocess", ()), config.get("spacing_mm")
    grids = [step.get("kwargs", {}).get("spacing_mm") for step in steps if step.get("name") == "resample"]
    # Images may be brought to a common grid first: what counts is the one on which they end.
    if grids and grids[-1] is not None and spacing is not None and not _same(grids[-1], spacing):
        raise CheckpointError(
            f"{name} in {folder} was trained at {as_mm(spacing)}, but its images are resampled to "
            f"{as_mm(grids[-1])}: train it on the grid that it will see"
        )
    patch = config.get("patch") if name == "stage 1" else None
    options = {"device": device, **({"patch": tuple(patch)} if patch else {})}
    spacing = None if spacing is None else tuple(float(step) for step in spacing)
    channels = config["architecture"].get("kwargs", {}).get("in_channels")
    return Stage(_softmax(network.to(device)), steps, spacing, options, channels)


def _same(first: Sequence[float], second: Sequence[float]) -> bool:
    return len(first) == len(second) and np.allclose(first, second, rtol=1e-2)


def _softmax(network: nn.Module) -> Predictor:
    return lambda image: network(image).softmax(1)
