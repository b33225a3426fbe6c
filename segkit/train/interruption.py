"""Ctrl-C and the scheduler's SIGTERM take effect between two updates, when the weights are consistent."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import torch
from lightning_fabric import Fabric


class Interruption:
    """While this context is open, SIGINT and SIGTERM are noted instead of raised. A second one acts at once.

    The loop asks `agreed` where it may stop, saves, and calls `act`.

    Attributes:
        signal: the signal that came, or None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        # Python delivers signals to the main thread only, and lets no other thread choose what they do.
        if threading.current_thread() is threading.main_thread():
            self._former = {
                number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
            }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def agreed(self, fabric: Fabric, *, asking: bool) -> bool:
        """Whether to stop here. Several processes must stop after the same update, so they ask each other.

        Args:
            fabric: of the run.
            asking: ask the other processes now; the same in all of them. One process alone need not ask.
        """
        noted = self.signal is not None
        if fabric.world_size == 1 or not asking:
            return noted and fabric.world_size == 1
        votes: Any = fabric.all_reduce(torch.tensor(float(noted), device=fabric.device), reduce_op="sum")
        return votes.item() > 0

    def act(self) -> None:
        """Do what the signal would have done: raise KeyboardInterrupt, or SystemExit after SIGTERM."""
        if self.signal == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        while self._former:
            number, handler = self._former.popitem()
            signal.signal(number, handler)
