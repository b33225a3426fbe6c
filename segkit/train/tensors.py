"""Tensors on disk as safetensors, whatever their layout and whoever shares their memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from segkit.errors import CheckpointError

Tensors = dict[str, Tensor]


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name. Memory that two names share (tied weights) is written once.

    safetensors refuses shared memory and tensors that are not contiguous (channels-last weights). The second
    name of the same tensor is therefore kept as an alias in the file's metadata, and overlapping views are
    copied apart.
    """
    first: dict[tuple[Any, ...], str] = {}
    aliases, unique = {}, {}
    for name, value in tensors.items():
        key = (value.data_ptr(), value.dtype, value.device, tuple(value.shape), value.stride())
        kept = first.setdefault(key, name) if value.numel() else name
        if kept == name:
            unique[name] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        else:
            aliases[name] = kept
    path.write_bytes(save(unique, metadata={f"alias:{name}": kept for name, kept in aliases.items()}))


def read_tensors(path: Path) -> Tensors:
    """The tensors that `write_tensors` wrote; names that shared memory share it again.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no iterator
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}): use an older checkpoint") from error
    aliases = {key.removeprefix("alias:"): kept for key, kept in metadata.items() if key.startswith("alias:")}
    return tensors | {name: tensors[kept] for name, kept in aliases.items()}


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Copy weights into a module of the same architecture.

    Args:
        module: takes the weights.
        weights: name → tensor, as in its `state_dict`.
        source: where they come from, for the message.

    Raises:
        CheckpointError: they belong to another architecture; names the first tensor that differs. The module
            is unchanged then.
    """
    wanted = module.state_dict()
    for name, value in wanted.items():
        if name not in weights:
            raise CheckpointError(f"{source} belongs to another architecture: it has no {name!r}")
        if weights[name].shape != value.shape:
            raise CheckpointError(
                f"{source} belongs to another architecture: {name!r} has shape {tuple(weights[name].shape)} "
                f"there and {tuple(value.shape)} here"
            )
    for name in weights:
        if name not in wanted:
            raise CheckpointError(f"{source} belongs to another architecture: {name!r} does not exist here")
    module.load_state_dict(dict(weights))


def optimizer_tensors(optimizer: Optimizer) -> tuple[Tensors, dict[str, Any]]:
    """An optimiser's state, split into tensors for a safetensors file and the rest for JSON."""
    state = optimizer.state_dict()
    entries = {f"{i}.{key}": value for i, group in state["state"].items() for key, value in group.items()}
    tensors = {name: value for name, value in entries.items() if isinstance(value, Tensor)}
    rest = {name: value for name, value in entries.items() if not isinstance(value, Tensor)}
    return tensors, {"state": rest, "groups": state["param_groups"]}


def load_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], rest: Mapping[str, Any]) -> None:
    """Give an optimiser the state that `optimizer_tensors` took from one over the same parameters.

    Moments get their parameter's memory layout back: safetensors forgets it, and an update over mixed layouts
    is slower and may round differently.

    Raises:
        CheckpointError: the optimiser is of another kind or has other parameters.
    """
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **rest["state"]}.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    groups = [
        {key: tuple(value) if key == "betas" else value for key, value in group.items()}
        for group in rest["groups"]
    ]
    try:
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    except (ValueError, KeyError) as error:
        raise CheckpointError(f"the checkpoint's optimiser state does not fit this run: {error}") from error
    for parameter, entries in optimizer.state.items():
        for key, value in entries.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                entries[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
