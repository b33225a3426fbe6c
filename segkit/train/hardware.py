"""What a run needs to know of its machine: devices and processes, memory layout, its share of a batch."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers import Logger
from lightning_fabric.plugins.precision import MixedPrecision, Precision
from lightning_fabric.strategies import DDPStrategy
from torch import distributed, nn

from segkit.errors import ConfigError, unknown_name
from segkit.train.method import Batch, Batches
from segkit.train.precision import PRECISIONS, fastest_precision

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


class Autocast(MixedPrecision):
    """Mixed precision that leaves the batch in float32.

    Fabric's own plugin casts every floating-point tensor of a batch to half precision before the step, and
    with it targets, weights and masks. Autocast casts what a convolution needs where it needs it; nothing
    else should lose digits.
    """

    def convert_input(self, data: Any) -> Any:
        """The batch as it is."""
        return data


def precision_plugin(precision: str, device: torch.device | str) -> Precision:
    """The Fabric plugin for a name of `PRECISIONS`.

    No CPU trains faster in float16, and its range is too small without a scaler: "16-mixed" becomes
    "bf16-mixed" there, as in Fabric.

    Raises:
        ConfigError: the name is unknown.
    """
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    kind = torch.device(device).type
    if precision == "auto":
        precision = fastest_precision(device)
    if precision == "32-true":
        return Precision()
    if precision == "16-mixed" and kind != "cpu":
        return Autocast("16-mixed", kind)
    return Autocast("bf16-mixed", kind)


def make_fabric(
    *,
    precision: str,
    accelerator: str = "auto",
    devices: int | str | list[int] = 1,
    num_nodes: int = 1,
    strategy: Any = "auto",
    timeout_s: float = 1800.0,
    logger: Logger | None = None,
) -> Fabric:
    """Fabric with our precision, launched: from here on there is one process per device.

    Args:
        precision: "auto", "32-true", "bf16-mixed" or "16-mixed".
        accelerator: "auto", "cpu", "cuda", "mps".
        devices: how many per machine, or which. More than one starts further processes of the same command,
            unless torchrun or SLURM has started them.
        num_nodes: machines.
        strategy: "auto", "ddp", "ddp_find_unused_parameters_true", or a Fabric strategy.
        timeout_s: how long processes wait for each other before they give up.
        logger: a Fabric logger.

    Raises:
        ConfigError: the machine has no such devices, Fabric does not know the strategy, or other processes of
            the run did not arrive in time.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if accelerator == "auto":
        gpu = torch.accelerator.current_accelerator(check_available=True)
        accelerator = gpu.type if gpu is not None else "cpu"
    try:
        fabric = Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=num_nodes,
            strategy=_with_timeout(strategy, devices, num_nodes, timeout_s),
            plugins=[precision_plugin(precision, accelerator)],
            loggers=logger,
        )
    except (ValueError, RuntimeError, TypeError) as error:
        wanted = f"accelerator={accelerator!r}, devices={devices!r}, strategy={strategy!r}"
        raise ConfigError(f"this machine cannot run {wanted}: {str(error).splitlines()[0]}") from error
    try:
        fabric.launch()
    except (distributed.DistError, TimeoutError) as error:
        raise ConfigError(
            f"the processes of {num_nodes} machines with devices={devices} did not all meet within "
            f"{timeout_s:g} s: start the command on every machine, with the same MASTER_ADDR and MASTER_PORT "
            "and a NODE_RANK of its own"
        ) from error
    return fabric


@contextmanager
def on_device(fabric: Fabric, home: torch.device, *modules: nn.Module) -> Iterator[None]:
    """Modules are on the fabric's device inside, and at home afterwards, whatever happens.

    Modules that several processes share stay on their devices: what wraps them counts on it.
    """
    for module in modules:
        module.to(fabric.device)
    try:
        yield
    finally:
        if fabric.world_size == 1:
            for module in modules:
                module.to(home)


def _with_timeout(strategy: Any, devices: int | str | list[int], num_nodes: int, timeout_s: float) -> Any:
    """Fabric's own DDP strategy for the names that mean it, which otherwise waits for half an hour."""
    unused = {"auto": False, "ddp": False, "ddp_find_unused_parameters_true": True}
    alone = num_nodes == 1 and (devices == 1 or (isinstance(devices, list) and len(devices) == 1))
    if alone or devices == "auto" or not isinstance(strategy, str) or strategy not in unused:
        return strategy
    wait = timedelta(seconds=timeout_s)
    return DDPStrategy(timeout=wait, find_unused_parameters=unused[strategy])


def to_channels_last(module: nn.Module) -> None:
    """Lay out the weights of 2-D and 3-D convolutions channels-last, in place.

    A convolution whose weights are laid out so returns its maps so; the batch itself need not be converted.
    """
    for parameter in module.parameters():
        layout = CHANNELS_LAST.get(parameter.dim())
        # A kernel of size 1 lies in memory the same way in both layouts; DDP would warn of other strides.
        if layout is not None and parameter[0, 0].numel() > 1:
            # `.contiguous(…)` would leave a weight with one input channel, and so the first map, as it is.
            parameter.data = torch.empty_like(parameter, memory_format=layout).copy_(parameter.data)


def share_of(batches: Batches, iteration: int, *, rank: int, world_size: int) -> Batch:
    """This process's part of a batch: rows `rank, rank + world_size, …` of every tensor.

    All processes together see the batch that one process would see. Batches that can make a part without
    making the whole offer `part(iteration, rank, world_size)`, and are asked for that.

    Args:
        batches: the run's batches.
        iteration: the update, from 0.
        rank: this process.
        world_size: number of processes.

    Raises:
        ConfigError: there is no such batch, or it cannot be divided evenly.
    """
    if world_size > 1 and hasattr(batches, "part"):
        return batches.part(iteration, rank, world_size)
    try:
        batch = batches[iteration]
    except IndexError as error:
        raise ConfigError(
            f"there is no batch {iteration}: plan fewer iterations, or give batches that do not end"
        ) from error
    for name, rows in batch.items():
        if len(rows) % world_size:
            raise ConfigError(
                f"{len(rows)} rows of {name!r} cannot be shared evenly by {world_size} processes: "
                f"choose a batch size that {world_size} divides"
            )
    return {name: rows[rank::world_size] for name, rows in batch.items()} if world_size > 1 else batch
