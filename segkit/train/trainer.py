"""The Trainer: the loop of chapter 2, on one CPU or many GPUs, with everything that a long run needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, cast

import torch
from lightning_fabric.loggers import Logger
from torch.optim import AdamW, Optimizer

from segkit.errors import ConfigError
from segkit.train.ema import EMA
from segkit.train.gradients import Transform, back_propagate
from segkit.train.hardware import make_fabric, on_device, share_of, to_channels_last
from segkit.train.history import History
from segkit.train.interruption import Interruption
from segkit.train.method import Batches, Method, State
from segkit.train.reporting import Recorder, Validate, run_logger, validated
from segkit.train.runfolder import RunFolder
from segkit.train.schedules import Schedule, constant
from segkit.train.seeds import step_generator


class Trainer:
    """Trains a method: zero the gradients, step, back-propagate, clip, update.

    Args:
        method: what is trained, and stays yours: `fit` takes it to the device and brings it back to where it
            was, so that what a notebook has in main memory fits it afterwards; predict with `predictor`.
        iterations: updates.
        lr: learning rate at schedule factor 1.
        optimizer: called as `optimizer(parameters, lr=lr)`; bind options with `functools.partial`.
        schedule: factor on the learning rate as a function of (iteration, iterations).
        clip: largest norm of the whole gradient; None leaves it alone. nnU-Net uses 12.
        accumulate, transform: parts that a batch is worked off in, and what changes them; `back_propagate`.
        ema: decay of a moving average of the weights, which then makes the predictions; None for none.
        seed: of the steps' random numbers. Initial weights are drawn before: see `seed_everything`.
        precision: "32-true", "bf16-mixed", "16-mixed", or "auto" for the fastest native one.
        accelerator, devices, num_nodes, strategy, timeout_s: see `make_fabric`. Processes share each batch.
        channels_last: lay out convolution weights channels-last, which is faster on most hardware.
        folder: for checkpoints and the log; None keeps nothing.
        resume: go on from the newest complete checkpoint in `folder`, if there is one.
        checkpoint_every, keep: updates between checkpoints (a tenth of the run), and how many of them stay.
        config: what a checkpoint should tell about the run, as JSON; see `build_network`.
        logger: "tensorboard" (in `folder`), another Fabric logger, or None.
        log_every, validate_every: updates between looks at the loss, and validations (after the last only).
        progress: show a progress line; by default on a terminal outside CI.

    Raises:
        ConfigError: an option is out of range, the machine lacks the devices, or `folder` holds a run and
            `resume` is not set.
    """

    def __init__(
        self, method: Method, *, iterations: int, lr: float = 1e-3,
        optimizer: Callable[..., Optimizer] = AdamW, schedule: Schedule = constant, clip: float | None = None,
        accumulate: int = 1, transform: Transform | None = None, ema: float | None = None, seed: int = 0,
        precision: str = "32-true", accelerator: str = "auto", devices: int | str | list[int] = 1,
        num_nodes: int = 1, strategy: Any = "auto", timeout_s: float = 1800.0,
        channels_last: bool = True, folder: str | Path | None = None, resume: bool = False,
        checkpoint_every: int | None = None, keep: int = 2, config: Mapping[str, Any] | None = None,
        logger: Literal["tensorboard"] | Logger | None = "tensorboard", log_every: int = 10,
        validate_every: int | None = None, progress: bool | None = None,
    ) -> None:  # fmt: skip
        every, validate_every = checkpoint_every or max(1, iterations // 10), validate_every or iterations
        if min(iterations, log_every, validate_every, every, keep, accumulate) < 1:
            raise ConfigError("iterations, keep, accumulate and intervals of a Trainer must be 1 or more")
        self.iterations, self.schedule, self.clip, self.seed = iterations, schedule, clip, seed
        self.log_every, self.validate_every = log_every, validate_every
        self.accumulate, self.transform = accumulate, transform
        self.history, self.done = History(), 0
        self.run = RunFolder(folder, resume=resume, every=every, keep=keep, config=config)
        self.fabric = make_fabric(
            precision=precision, accelerator=accelerator, devices=devices, num_nodes=num_nodes,
            strategy=strategy, timeout_s=timeout_s, logger=run_logger(logger, self.run),
        )  # fmt: skip
        self.recorder = Recorder(self.fabric, show=progress, kept=self.run.kept)
        if channels_last:
            to_channels_last(method)
        self.method = method
        self.home = next((each.device for each in method.parameters()), torch.device("cpu"))
        trained = optimizer([each for each in method.parameters() if each.requires_grad], lr=lr)
        for group in trained.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.module, self.optimizer = self.fabric.setup(method, trained)
        self.average = None if ema is None else EMA(method, ema)

    @property
    def predictor(self) -> Method:
        """The method to predict with: the moving average where there is one."""
        return self.method if self.average is None else cast(Method, self.average.module)

    def fit(self, batches: Batches, *, validate: Validate | None = None) -> History:
        """Do the updates that are left.

        Args:
            batches: `batches[i]` is the batch of update i.
            validate: given the predictor in evaluation mode, returns numbers for the history. It cannot
                disturb the training: torch's random state is put back afterwards.

        Raises:
            TrainingError: a loss term is not finite. Earlier checkpoints are kept.
            ConfigError: the batches end too early, cannot be shared, or the step returns no `total`.
            KeyboardInterrupt: after Ctrl-C, between two updates, with a checkpoint saved.
        """
        self.run.restore(self)
        self.method.train()
        with (
            on_device(self.fabric, self.home, self.method, self.predictor),
            Interruption() as interruption,
            self.recorder.line(self.iterations, self.done),
        ):
            while self.done < self.iterations:
                start = perf_counter()
                self._update(batches)
                looking = self._due(self.log_every)
                stop = interruption.agreed(self.fabric, asking=looking)
                validating = self._due(self.validate_every)
                saving = stop or self._due(self.run.every)
                if looking or validating or saving:
                    self.history.rows += self.recorder.flush()
                self.history.seconds += perf_counter() - start
                if validate is not None and validating:
                    self.history.rows[-1] |= validated(validate, self.predictor, self.fabric, self.done - 1)
                    self.method.train()
                if saving:
                    self.run.save(self)
                if stop:
                    interruption.act()
        return self.history

    def _due(self, every: int) -> bool:
        return self.done % every == 0 or self.done == self.iterations

    def _update(self, batches: Batches) -> None:
        fabric, rank = self.fabric, self.fabric.global_rank
        generator = step_generator(self.seed, self.done, rank=rank, device=fabric.device)
        state = State(self.done, self.iterations, generator)
        batch = share_of(batches, self.done, rank=rank, world_size=fabric.world_size)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * self.schedule(self.done, self.iterations)
        self.optimizer.zero_grad()
        options: dict[str, Any] = {"parts": self.accumulate, "transform": self.transform}
        terms = back_propagate(fabric, self.module, batch, state, **options)
        if self.clip is not None:
            fabric.clip_gradients(self.module, self.optimizer, max_norm=self.clip, error_if_nonfinite=False)
        self.optimizer.step()
        self.method.after_update(state)
        if self.average is not None:
            self.average.update(self.method, self.done)
        self.recorder.add(self.done, self.optimizer.param_groups[0]["lr"], terms)
        self.done += 1
