"""A run on disk: all that it needs to go on as if it had never stopped."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning_fabric
import safetensors
import torch

from segkit import __version__
from segkit.errors import ConfigError
from segkit.train.checkpoint import latest_checkpoint, read_meta, save_checkpoint
from segkit.train.history import History, TrainingError
from segkit.train.tensors import Tensors, load_optimizer, load_weights, optimizer_tensors, read_tensors

if TYPE_CHECKING:
    from segkit.train.trainer import Trainer


class RunFolder:
    """Saves and restores a Trainer.

    Args:
        path: the run's folder; None keeps nothing.
        resume: go on from the newest complete checkpoint, if there is one.
        every: updates between checkpoints.
        keep: checkpoints that stay.
        config: what a checkpoint should tell about the run, as JSON.

    Attributes:
        start: updates that earlier processes have done and saved.

    Raises:
        ConfigError: the folder holds a run and `resume` is not set, or `config` is not JSON.
    """

    def __init__(
        self,
        path: str | Path | None,
        *,
        resume: bool,
        every: int,
        keep: int,
        config: Mapping[str, Any] | None,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.every, self.keep, self.config = every, keep, dict(config or {})
        try:
            json.dumps(self.config)
        except TypeError as error:
            raise ConfigError(f"the configuration cannot be written as JSON: {error}") from error
        self._latest = None if self.path is None else latest_checkpoint(self.path)
        if self._latest is not None and not resume:
            raise ConfigError(f"{path} holds a run already: resume it, or choose another folder")
        self.start = 0 if self._latest is None else int(read_meta(self._latest)["iteration"])

    @property
    def kept(self) -> str:
        """Where the last good weights are, as the end of a sentence."""
        return "nothing was saved" if self.path is None else f"earlier checkpoints in {self.path} are kept"

    def save(self, trainer: Trainer) -> None:
        """Write a checkpoint between two updates. Every process calls this; the first one writes.

        Raises:
            TrainingError: a weight is not finite. Such weights must not take the place of good ones.
            CheckpointError: the system cannot write.
        """
        if self.path is None:
            return
        weights: Tensors = trainer.method.state_dict()
        for name, value in weights.items():
            if value.is_floating_point() and not value.isfinite().all():
                raise TrainingError(
                    f"weight {name!r} is not finite after {trainer.done} updates: lower the learning rate or "
                    f"clip the gradient; {self.kept}"
                )
        moments, rest = optimizer_tensors(trainer.optimizer.optimizer)
        tensors = {"weights": weights, "optimizer": moments, "rng": _rng_states(trainer)}
        if trainer.average is not None:
            tensors["average"] = trainer.average.module.state_dict()
        if trainer.fabric.is_global_zero:
            meta = {
                **_identity(trainer),
                "config": self.config,
                "optimizer_rest": rest,
                "versions": _versions(),
            }
            texts = {"history.json": trainer.history.to_json()}
            save_checkpoint(self.path, trainer.done, tensors, meta, texts=texts, keep=self.keep)
        trainer.fabric.barrier()

    def restore(self, trainer: Trainer) -> None:
        """Put a trainer where the newest checkpoint left it; once, and only if there is one.

        Raises:
            CheckpointError: it is damaged, belongs to another architecture, or was written by another number
                of processes.
            ConfigError: it belongs to a run with another method, optimiser, seed or moving average.
        """
        latest, self._latest = self._latest, None
        if latest is None:
            return
        meta = read_meta(latest)
        for name, mine in _identity(trainer).items():
            if name in ("method", "optimizer", "seed", "ema", "processes") and meta[name] != mine:
                raise ConfigError(
                    f"the run in {self.path} has {name} {meta[name]!r} and this one has {mine!r}: "
                    "resume it as it was, or choose another folder"
                )
        load_weights(trainer.method, read_tensors(latest / "weights.safetensors"), str(latest))
        if trainer.average is not None:
            load_weights(trainer.average.module, read_tensors(latest / "average.safetensors"), str(latest))
        moments = read_tensors(latest / "optimizer.safetensors")
        load_optimizer(trainer.optimizer.optimizer, moments, meta["optimizer_rest"])
        trainer.fabric.strategy.precision.load_state_dict(meta["scaler"])
        trainer.history = History.from_json((latest / "history.json").read_text(encoding="utf-8"))
        trainer.done = meta["iteration"]
        _restore_rng(trainer, read_tensors(latest / "rng.safetensors"))


def _identity(trainer: Trainer) -> dict[str, Any]:
    """What makes this run this run, and what a predictor must know."""
    method = trainer.method
    return {
        "method": type(method).__name__,
        "network": method.network if hasattr(method, method.network) else None,
        "optimizer": type(trainer.optimizer.optimizer).__name__,
        "iterations": trainer.iterations,
        "seed": trainer.seed,
        "ema": None if trainer.average is None else trainer.average.decay,
        "processes": trainer.fabric.world_size,
        "scaler": trainer.fabric.strategy.precision.state_dict(),
    }


def _versions() -> dict[str, str]:
    return {
        "segkit": __version__,
        "torch": torch.__version__,
        "lightning-fabric": lightning_fabric.__version__,
        "safetensors": safetensors.__version__,
        "python": platform.python_version(),
    }


def _rng_states(trainer: Trainer) -> Tensors:
    """States of torch's global generators, which dropout uses: (processes, bytes)."""
    fabric = trainer.fabric
    states = {"cpu": torch.get_rng_state()}
    if fabric.device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(fabric.device)
    found: Tensors = {}
    for name, state in states.items():
        # A sum of tables in which each process fills its row: not every backend gathers bytes.
        table = torch.zeros(fabric.world_size, len(state), device=fabric.device)
        table[fabric.global_rank] = state.to(fabric.device)
        total: Any = fabric.all_reduce(table, reduce_op="sum")
        found[name] = total.to("cpu", torch.uint8)
    return found


def _restore_rng(trainer: Trainer, states: Tensors) -> None:
    rank, device = trainer.fabric.global_rank, trainer.fabric.device
    torch.set_rng_state(states["cpu"][rank].contiguous())
    if "cuda" in states and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"][rank].contiguous(), device)
