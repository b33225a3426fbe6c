"""Peak memory of a stretch of code: of the process on a CPU, of the allocator on a GPU."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch

_MB = 2**20


@dataclass
class PeakMemory:
    """What `peak_memory` measured; None until its block has ended, and where the system does not tell.

    Attributes:
        total_mb: highest memory of the process (CPU) or of torch's allocator (GPU) inside the block, in MiB.
        added_mb: the same above what was held when the block began.
    """

    total_mb: float | None = None
    added_mb: float | None = None


@contextmanager
def peak_memory(device: str = "cpu") -> Iterator[PeakMemory]:
    """Measure the peak memory of the block.

    On Linux the kernel's high-water mark is reset first, and freed memory is given back to the system, so
    that a second measurement in the same process is as good as the first. Elsewhere the mark covers the
    process's life: `total_mb` is then an upper bound and `added_mb` a lower one.

    Example:
        >>> import torch
        >>> with peak_memory() as peak:
        ...     block = torch.ones(32, 2**20)  # 128 MiB
        >>> 100 < peak.added_mb < 160
        True
    """
    peak = PeakMemory()
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before: float | None = torch.cuda.memory_allocated(device) / _MB
        yield peak
        after: float | None = torch.cuda.max_memory_allocated(device) / _MB
    else:
        before = _reset_high_water()
        yield peak
        after = _high_water_mb()
    if before is not None and after is not None:
        peak.total_mb, peak.added_mb = after, max(0.0, after - before)


def _reset_high_water() -> float | None:
    """Set the mark to what is held now, and return that in MiB."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _high_water_mb()


def _high_water_mb() -> float | None:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    with suppress(ImportError):
        from resource import RUSAGE_SELF, getrusage

        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
        return getrusage(RUSAGE_SELF).ru_maxrss * unit / _MB
    return None
