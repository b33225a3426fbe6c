"""The gradient of one update, of a batch in one piece or in parts that a device can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from segkit.errors import ConfigError
from segkit.train.method import Batch, State

Transform = Callable[[Batch, State], Batch]
"""Changes a batch on the device, before the step: augmentation, views, masks."""


def back_propagate(
    fabric: Fabric, module: Any, batch: Batch, state: State, *, parts: int, transform: Transform | None
) -> dict[str, Tensor]:
    r"""Accumulate the gradient of $\frac1m \sum_j L(\text{rows } j, j+m, j+2m, …)$ and return the mean terms.

    Every part passes the step by itself. A loss that is a mean over images gives the gradient of the whole
    batch; one that compares the images of a batch, or selects among them, sees those of a part.

    Args:
        fabric: of the run.
        module: the method, as Fabric has set it up.
        batch: this process's rows, on any device.
        state: handed to the transform and the step of every part in turn.
        parts: m; 1 takes the batch as it is.
        transform: applied to each part on the device.

    Raises:
        ConfigError: the batch cannot be divided evenly, or the step returns no `total`.
    """
    found: list[dict[str, Tensor]] = []
    for j, part in enumerate(_divided(batch, parts)):
        part = fabric.to_device(part)
        if transform is not None:
            part = transform(part, state)
        with fabric.no_backward_sync(module, enabled=j < parts - 1):
            terms = module(part, state)
            if "total" not in terms:
                raise ConfigError(
                    f"step() of {type(module.module).__name__} returns {list(terms)}, but no 'total'"
                )
            fabric.backward(terms["total"] if parts == 1 else terms["total"] / parts)
        found.append({name: value.detach() for name, value in terms.items()})
    if parts == 1:
        return found[0]
    return {name: torch.stack([terms[name] for terms in found]).mean(0) for name in found[0]}


def _divided(batch: Batch, parts: int) -> list[Batch]:
    if parts == 1:
        return [batch]
    for name, rows in batch.items():
        if len(rows) % parts:
            raise ConfigError(
                f"{len(rows)} rows of {name!r} cannot be accumulated in {parts} even parts: choose a batch "
                f"size that devices × {parts} divides"
            )
    return [{name: rows[j::parts] for name, rows in batch.items()} for j in range(parts)]
