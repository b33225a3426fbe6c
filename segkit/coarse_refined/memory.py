"""A first-in-first-out store of descriptors, so that rankings are not made on a handful of patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, DataError
from segkit.losses.inputs import IGNORE


class DescriptorMemory(nn.Module):
    """The last descriptors of each structure, without gradient. Buffers: a resumed run finds them again.

    Under DDP every process keeps those of its own share of the batch until the next forward pass, in which
    torch sends the buffers of process 0 to all.

    Args:
        lists: how many stores, one per structure.
        size: descriptors in each.
        length: d of a descriptor.

    Attributes:
        rows: float32, (lists, size, d).
        labels: int64, (lists, size): 1 with the structure, 0 without, IGNORE = −1 where nothing is stored.

    Raises:
        ConfigError: a size of 0 or less.

    Example:
        >>> memory = DescriptorMemory(1, 2, 3)
        >>> for value in (1.0, 2.0, 3.0):
        ...     memory.push(torch.full((1, 1, 3), value), torch.ones(1, 1, dtype=torch.int64))
        >>> memory.rows[0, :, 0].tolist()
        [3.0, 2.0]
    """

    rows: Tensor
    labels: Tensor
    next: Tensor

    def __init__(self, lists: int, size: int, length: int) -> None:
        super().__init__()
        if min(lists, size, length) < 1:
            raise ConfigError(
                f"a memory needs lists, size and length of 1 or more, got {lists}, {size}, {length}"
            )
        self.size = size
        self.register_buffer("rows", torch.zeros(lists, size, length))
        self.register_buffer("labels", torch.full((lists, size), IGNORE, dtype=torch.int64))
        self.register_buffer("next", torch.zeros(lists, dtype=torch.int64))

    @torch.no_grad()
    def push(self, rows: Tensor, labels: Tensor) -> None:
        """Store what counts of rows (lists, Q, d) with labels (lists, Q); the oldest go first.

        Of more rows than fit, the last ones stay.

        Raises:
            DataError: shapes do not fit.
        """
        lists, _, length = self.rows.shape
        if rows.ndim != 3 or rows.shape[::2] != (lists, length) or rows.shape[:2] != labels.shape:
            raise DataError(
                f"a memory of {lists} lists takes rows (lists, Q, {length}) and labels (lists, Q), not "
                f"{tuple(rows.shape)} and {tuple(labels.shape)}"
            )
        for k, counted in enumerate(labels != IGNORE):
            new = rows[k][counted].detach()[-self.size :].to(self.rows)
            place = (self.next[k] + torch.arange(len(new), device=new.device)) % self.size
            self.rows[k, place] = new
            self.labels[k, place] = labels[k][counted][-self.size :]
            self.next[k] = (self.next[k] + len(new)) % self.size
