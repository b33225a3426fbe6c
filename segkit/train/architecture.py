"""From a checkpoint's description of its network back to the network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from segkit.errors import CheckpointError, ConfigError, unknown_name
from segkit.train.checkpoint import Checkpoint, load_checkpoint
from segkit.train.tensors import load_weights

NETWORKS = {"UNet": "segkit.nets", "ViTSegmenter": "segkit.nets"}
"""Networks that a checkpoint may name, and the package that has each; others by their path in segkit."""


def build_network(config: Mapping[str, Any]) -> nn.Module:
    """A network with fresh weights from its description.

    Args:
        config: has `architecture`: `{"name": "UNet", "kwargs": {"spatial_dims": 3, …}}`. A network of another
            package of segkit has its path for a name: `segkit.coarse_refined.CoarseRefinedNet`.

    Raises:
        ConfigError: no description, an unknown network, or arguments that it does not take.

    Example:
        >>> kwargs = {"spatial_dims": 2, "in_channels": 1, "n_classes": 2, "channels": [4, 8]}
        >>> type(build_network({"architecture": {"name": "UNet", "kwargs": kwargs}})).__name__
        'UNet'
    """
    architecture = config.get("architecture")
    if not isinstance(architecture, Mapping) or "name" not in architecture:
        raise ConfigError("the configuration describes no network: it needs architecture.name and .kwargs")
    name, kwargs = architecture["name"], architecture.get("kwargs", {})
    package, _, short = str(name).rpartition(".")
    # A checkpoint comes from anywhere: it may name what segkit has, and nothing else.
    if name not in NETWORKS and not package.startswith("segkit."):
        raise unknown_name("network", name, NETWORKS)
    try:
        network: nn.Module = getattr(import_module(package or NETWORKS[name]), short)(**kwargs)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"segkit has no network {name}: update segkit, or train again") from error
    except TypeError as error:
        raise ConfigError(f"{name} cannot be built from {dict(kwargs)}: {error}") from error
    return network


def load_network(folder: str | Path) -> tuple[nn.Module, Checkpoint]:
    """The trained network of a checkpoint, in evaluation mode, and the checkpoint.

    Args:
        folder: a checkpoint or the folder of a run.

    Raises:
        CheckpointError: there is no complete checkpoint, it does not describe its network, or its weights do
            not fit that description.
    """
    checkpoint = load_checkpoint(folder)
    try:
        network = build_network(checkpoint.config)
    except ConfigError as error:
        raise CheckpointError(f"{checkpoint.folder}: {error}") from error
    load_weights(network, checkpoint.weights, str(checkpoint.folder))
    return network.eval(), checkpoint
