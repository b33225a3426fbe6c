"""Where a run reports to: a line on the terminal, a log, its history."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers import Logger, TensorBoardLogger
from torch import Tensor
from tqdm import tqdm

from segkit.errors import unknown_name
from segkit.train.history import Row, check_finite
from segkit.train.method import Method
from segkit.train.runfolder import RunFolder

Validate = Callable[[Method], Mapping[str, float]]
"""Given the predictor in evaluation mode, returns numbers by name."""


def wants_progress(progress: bool | None) -> bool:
    """Whether to show the line: as asked, and if nothing was asked, on a terminal outside CI.

    A notebook that papermill executes, a log file and a CI job keep every state of the line, so it stays
    silent there.

    Args:
        progress: True, False, or None to find out.
    """
    if progress is not None:
        return progress
    return sys.stderr.isatty() and not os.environ.get("CI")


def run_logger(logger: Literal["tensorboard"] | Logger | None, run: RunFolder) -> Logger | None:
    """The Fabric logger of a run: TensorBoard files in the run's folder unless told otherwise.

    Args:
        logger: "tensorboard", another Fabric logger, or None for none.
        run: the run's folder; where it keeps nothing, "tensorboard" means none. TensorBoard drops what a
            killed process logged beyond the newest checkpoint.

    Raises:
        ConfigError: a name other than "tensorboard".
    """
    if logger is None or isinstance(logger, Logger):
        return logger
    if logger != "tensorboard":
        raise unknown_name("logger", logger, ["tensorboard"])
    if run.path is None:
        return None
    return TensorBoardLogger(run.path, name="", version="log", purge_step=run.start)


def validated(validate: Validate, predictor: Method, fabric: Fabric, iteration: int) -> dict[str, float]:
    """The numbers of a validation as a row of the history has them; they are logged as well.

    The random state is put back afterwards, so that looking cannot change the training. The predictor is left
    in evaluation mode.
    """
    predictor.eval()
    with torch.no_grad(), torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []):
        found = {f"validation.{name}": float(value) for name, value in validate(predictor).items()}
    fabric.log_dict(found, step=iteration)
    return found


class Recorder:
    """Keeps the loss terms on the device until somebody reads them: asking for a number makes a GPU wait.

    Args:
        fabric: of the run.
        show: see `wants_progress`.
        kept: where the last good weights are, for an error message.
    """

    def __init__(self, fabric: Fabric, *, show: bool | None, kept: str) -> None:
        self.fabric, self.kept = fabric, kept
        self.show = wants_progress(show) and fabric.is_global_zero
        self._tqdm = tqdm(disable=True)
        self._waiting: list[tuple[int, float, tuple[str, ...], Tensor]] = []

    def line(self, iterations: int, done: int) -> tqdm:
        """Open the progress line, to be used as a context."""
        self._tqdm = tqdm(
            total=iterations,
            initial=done,
            disable=not self.show,
            desc="training",
            unit="update",
            dynamic_ncols=True,
        )
        return self._tqdm

    def add(self, iteration: int, lr: float, terms: Mapping[str, Tensor]) -> None:
        """Note the terms of one update."""
        values = torch.stack([term.detach().float() for term in terms.values()])
        self._waiting.append((iteration, lr, tuple(terms), values))

    def flush(self) -> list[Row]:
        """The rows since the last call, each term a mean over the processes; logged and shown as well.

        Raises:
            TrainingError: a term is not finite.
        """
        if not self._waiting:
            return []
        every: Any = self.fabric.all_reduce(
            torch.cat([values for *_, values in self._waiting]), reduce_op="mean"
        )
        numbers = iter(every.tolist())
        rows: list[Row] = []
        for iteration, lr, names, _ in self._waiting:
            rows.append({"iteration": iteration, **{name: next(numbers) for name in names}, "lr": lr})
        self._waiting.clear()
        for row in rows:
            check_finite(row, self.kept)
            self.fabric.log_dict(
                {name: row[name] for name in row if name != "iteration"}, step=int(row["iteration"])
            )
        self._tqdm.update(len(rows))
        self._tqdm.set_postfix_str(f"total {rows[-1]['total']:.4f}", refresh=False)
        return rows
