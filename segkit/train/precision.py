"""Which numbers a run computes with: float32, or half precision where the hardware has units for it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")


def fastest_precision(device: torch.device | str = "cpu") -> str:
    """The precision that makes convolutions fastest on this device without harming training.

    bfloat16 where the processor multiplies it (AVX512-BF16 or AMX on a CPU, compute capability 8 on a GPU),
    float16 with loss scaling on older GPUs (T4, V100), float32 on everything else, where half precision is
    emulated and slower.

    Args:
        device: where the run will be.

    Returns:
        "bf16-mixed", "16-mixed" or "32-true".
    """
    device = torch.device(device)
    if device.type == "cuda":
        return "bf16-mixed" if torch.cuda.get_device_capability(device) >= (8, 0) else "16-mixed"
    abilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    native = device.type == "cpu" and (abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
    return "bf16-mixed" if native else "32-true"


def full_precision(tensor: Tensor) -> AbstractContextManager[Any]:
    """A block without autocast, for losses, distances and Gram matrices: in half precision they lose digits.

    Autocast would run a matrix product in bfloat16 even between float32 tensors. Cast what comes from a
    network with `.float()` inside the block.

    Args:
        tensor: any tensor of the device in question.

    Example:
        >>> x = torch.full((2, 2), 1 / 3)
        >>> with torch.autocast("cpu", torch.bfloat16), full_precision(x):
        ...     (x @ x).dtype
        torch.float32
    """
    return torch.autocast(tensor.device.type, enabled=False)
