"""From the folder of a finished run to a function that segments a prepared case."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segkit.data.case import Case
from segkit.errors import ConfigError, unknown_name
from segkit.evaluate.native import preprocess, to_grid
from segkit.recipes.measuring import Segmenter, windowed
from segkit.recipes.ranks import rank
from segkit.recipes.records import read_record, stored_settings
from segkit.recipes.settings import Section
from segkit.train import load_checkpoint, load_network


def load_segmenter(folder: Path, settings: Section, *, device: torch.device) -> Segmenter:
    """What segments the test part of a run.

    A recipe whose prediction is more than one network over windows has a function `segmenter` of its own,
    with the arguments of `plain_segmenter`, which the others share.

    Args:
        folder: of the run.
        settings: of the run.
        device: where it computes.
    """
    recipe = import_module(f"segkit.recipes.{settings.recipe}")
    make = getattr(recipe, "segmenter", plain_segmenter)
    made: Segmenter = make(folder, settings, device)
    return made


def segment_image(folder: Path, case: Case, *, device: torch.device, **inference: Any) -> Tensor:
    """Labels of an image as it was read, on its own grid, by the networks of a run.

    Args:
        folder: of the run.
        case: the image.
        device: where the networks compute.
        inference: settings of the section `inference` in place of the run's.

    Raises:
        CheckpointError: the run is not finished.
    """
    trainings = list(read_record(folder)["trainings"])
    home = folder / trainings[-1] if trainings and (folder / trainings[-1]).is_dir() else folder
    ready = preprocess(case, load_checkpoint(home).config["preprocess"])
    settings = stored_settings(folder).merged({"inference": inference})
    probs = load_segmenter(folder, settings, device=device)(ready)
    return to_grid(probs, ready, case).argmax(0)


def plain_segmenter(folder: Path, settings: Section, device: torch.device) -> Segmenter:
    """One network over sliding windows, mirrored as its checkpoint says."""
    network, config = load_softmax(folder, device)
    return windowed(network, patch=config["patch"], inference=settings.inference, flips=config["flips"])


class Softmax(nn.Module):
    """A network whose logits become probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, *S) in float32."""
        return torch.softmax(self.network(image).float(), 1)


def load_softmax(folder: Path, device: torch.device) -> tuple[Softmax, dict[str, Any]]:
    """The network of a checkpoint as a predictor, and the checkpoint's configuration."""
    network, checkpoint = load_network(folder)
    return Softmax(network).to(device).eval(), checkpoint.config


def test_device(accelerator: str) -> torch.device:
    """Where this process predicts.

    Raises:
        ConfigError: the machine has no such accelerator.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if accelerator != "auto" and accelerator not in there:
        raise unknown_name("accelerator", accelerator, ("auto", *there))
    if not there.get(accelerator, True):
        raise ConfigError(f"this machine cannot run on {accelerator}: leave out --accelerator, or say cpu")
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cuda":
        return torch.device("cuda", rank() % max(1, torch.cuda.device_count()))
    return torch.device(accelerator)
