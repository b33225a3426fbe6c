"""The losses of the images of all processes, for a selection among them."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    """How many processes train together; 1 outside of a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather_images(losses: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Put the images of all processes into one row, in the order of the processes.

    Every process must call it at the same time. The processes may have different numbers of images.

    Args:
        losses: (B,), the loss of each image of this process.
        present: (B,), bool, whether the image has a valid voxel.

    Returns:
        Both for all images. Only this process's own losses are connected to the graph.
    """
    if processes() == 1:
        return losses, present
    own = torch.tensor([len(losses)], device=losses.device)
    counts = [torch.zeros_like(own) for _ in range(processes())]
    dist.all_gather(counts, own)
    lengths = [int(each) for each in counts]
    mine = losses.new_zeros(2, max(lengths))
    mine[0, : len(losses)], mine[1, : len(losses)] = losses.detach(), present
    rows = [torch.zeros_like(mine) for _ in lengths]
    dist.all_gather(rows, mine)
    parts = [row[0, :n] for row, n in zip(rows, lengths, strict=True)]
    parts[dist.get_rank()] = losses
    return torch.cat(parts), torch.cat([row[1, :n] > 0 for row, n in zip(rows, lengths, strict=True)])
