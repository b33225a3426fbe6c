"""Batches made in the background while the network works on an earlier one."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from torch import Tensor

from segkit.data.streams import Batches
from segkit.errors import ConfigError


class Prefetch:
    """The same batches in the same order, made ahead by threads.

    Asking for batch i starts the next ones, so a loop finds them ready. Threads suffice: cutting and
    interpolating happen outside Python's lock. What is returned does not depend on the threads, and an error
    in one appears where its batch is asked for.

    Args:
        batches: what to make ahead.
        workers: threads; 0 makes every batch when it is asked for.
        ahead: how many batches to keep ready, 1 or more.

    Raises:
        ConfigError: a number below its range.

    Example:
        >>> from segkit.data import PatchBatches, phantoms
        >>> plain = PatchBatches(phantoms("hippocampus", 2), patch=(16, 16, 16), batch_size=2, seed=0)
        >>> with Prefetch(plain, workers=1) as ahead:
        ...     bool((ahead[3]["image"] == plain[3]["image"]).all())
        True
    """

    def __init__(self, batches: Batches, *, workers: int = 1, ahead: int = 2) -> None:
        if workers < 0 or ahead < 1:
            raise ConfigError(f"Prefetch needs workers ≥ 0 and ahead ≥ 1, got {workers} and {ahead}")
        self.batches, self.ahead = batches, max(ahead, workers)
        self.batch_size = batches.batch_size
        self._pool = ThreadPoolExecutor(workers, "segkit-batches") if workers else None
        self._ready: dict[tuple[int, int, int], Future[dict[str, Tensor]]] = {}

    def __getitem__(self, iteration: int, /) -> dict[str, Tensor]:
        """The batch of one iteration."""
        return self.part(iteration, 0, 1)

    def part(self, iteration: int, rank: int, world_size: int) -> dict[str, Tensor]:
        """One process's rows of a batch."""
        if self._pool is None:
            return self.batches.part(iteration, rank, world_size)
        wanted = [(i, rank, world_size) for i in range(iteration, iteration + self.ahead + 1)]
        for key in [key for key in self._ready if key not in wanted]:
            self._ready.pop(key).cancel()
        for key in wanted:
            if key not in self._ready:
                self._ready[key] = self._pool.submit(self.batches.part, *key)
        return self._ready.pop(wanted[0]).result()

    def close(self) -> None:
        """Stop the threads. Batches can still be asked for; they are then made on the spot."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool, self._ready = None, {}

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
