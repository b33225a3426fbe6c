from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.coarse_refined import (
    CoarseRefined,
    CoarseRefinedConsistency,
    RampUp,
    TargetWatch,
    gap,
    outlook,
)
from segkit.errors import DataError
from segkit.train import Supervised, Trainer
from tests.coarse_refined.methods import build, pair
from tests.coarse_refined.shapes import two_streams


def test_entropy_and_foreground():
    logits = torch.tensor([[[50.0, 0.0], [0.0, 0.0], [0.0, 0.0]]])
    found = outlook(logits)
    assert found["entropy"] == pytest.approx(0.5)
    assert found["foreground"] == 0.0
    assert outlook(torch.tensor([[[0.0], [5.0]]]))["foreground"] == 1.0


def test_gap_is_a_distance_of_probabilities():
    certain = torch.tensor([[[99.0], [0.0]]])
    assert gap(certain, certain) == 0
    assert gap(certain, certain.flip(1)) == pytest.approx(2**0.5)


class Fixed(Supervised):
    """Predicts what it is told."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 2, 1), nn.CrossEntropyLoss())
        self.classes = torch.zeros(3, 2, 2, dtype=torch.int64)

    def predict(self, image):
        part = self.classes[: len(image)]
        self.classes = self.classes.roll(-len(image), 0)
        return nn.functional.one_hot(part, 2).movedim(-1, 1).float()


def test_flips_are_counted_since_the_last_look():
    method = Fixed()
    watch = TargetWatch(torch.zeros(3, 1, 2, 2), torch.zeros(3, 2, 2).long(), batch_size=2)
    assert watch(method)["flips"] == 0.0
    method.classes = torch.zeros(3, 2, 2).long()
    method.classes[0, 0, 0] = method.classes[2] = 1
    found = watch(method)
    assert found["flips"] == pytest.approx(5 / 12)
    assert found["foreground"] == pytest.approx(5 / 12)
    assert found["errors"] == pytest.approx(5 / 12)


def test_the_trainer_calls_it_and_writes_it_down():
    class Streams:
        def __getitem__(self, iteration):
            return two_streams(seed=iteration)

    watch = TargetWatch(two_streams(u=3)["unlabelled_image"])
    trainer = Trainer(
        build("coarse-refined"),
        iterations=4,
        validate_every=2,
        logger=None,
        accelerator="cpu",
        progress=False,
    )
    history = trainer.fit(Streams(), validate=watch)
    assert {f"validation.{name}" for name in ("entropy", "foreground", "flips", "gap")} <= set(history.names)
    assert len(history.column("validation.flips")) == 2


def test_bad_input():
    with pytest.raises(DataError, match="no images to watch"):
        TargetWatch(torch.zeros(0, 1, 4, 4))
    with pytest.raises(DataError, match="do not belong"):
        TargetWatch(torch.zeros(2, 1, 4, 4), torch.zeros(2, 3, 4))


def test_a_constant_solution_is_seen():
    """Nothing but a symmetric consistency: both outputs agree ever better, and say nothing any more."""

    class Nothing(nn.Module):
        def forward(self, logits, labels):
            return 0.0 * logits.mean()

    torch.manual_seed(0)
    method = CoarseRefined(
        pair(variant="decoders"),
        view=None,
        consistency=CoarseRefinedConsistency("symmetric"),
        ramp=RampUp(1.0, length=0.0),
        loss=Nothing(),
    )
    images = two_streams(u=4)["unlabelled_image"]
    watch = TargetWatch(images)
    before = watch(method.eval())
    spread = method.predict(images).std((0, 2, 3)).mean()

    class Streams:
        def __getitem__(self, iteration):
            return two_streams(seed=iteration, u=4)

    Trainer(method, iterations=60, lr=2e-2, logger=None, accelerator="cpu", progress=False).fit(Streams())
    watch(method.eval())
    after = watch(method.eval())
    assert after["gap"] < 0.2 * before["gap"]
    assert after["flips"] == 0.0
    assert method.predict(images).std((0, 2, 3)).mean() < 0.3 * spread
    assert after["foreground"] < 0.02 or after["foreground"] > 0.98 or after["entropy"] > 0.95
