"""The Trainer computes what the plain loop of chapter 2 computes, to the last bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.train import State, one_cycle, poly, step_generator
from segkit.train.hardware import to_channels_last


def plain_loop(method, batches, *, iterations, lr, schedule, clip):
    """The loop that a reader writes: plain torch, nothing of the Trainer."""
    optimizer = torch.optim.AdamW(method.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: schedule(i, iterations))
    losses = []
    for iteration in range(iterations):
        optimizer.zero_grad()
        state = State(iteration, iterations, step_generator(0, iteration))
        loss = method.step(batches[iteration], state)["total"]
        loss.backward()
        nn.utils.clip_grad_norm_(method.parameters(), clip)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("schedule", [one_cycle, poly])
def test_same_losses_and_weights(make_method, make_trainer, batches, schedule, channels_last):
    options = {"iterations": 15, "lr": 1e-2, "schedule": schedule, "clip": 0.5}

    mine = make_method()
    if channels_last:
        to_channels_last(mine)
    losses = plain_loop(mine, batches, **options)

    trainer = make_trainer(make_method(), channels_last=channels_last, **options)
    history = trainer.fit(batches)

    assert history.column("total") == losses
    for name, weight in mine.state_dict().items():
        assert torch.equal(weight, trainer.method.state_dict()[name]), name
    assert losses[-1] < losses[0]


def test_another_seed_of_the_weights_gives_other_losses(make_method, make_trainer, batches):
    """Guards the test above: equality there must not be an accident of a loss that nothing changes."""
    one, other = (make_trainer(make_method(seed)).fit(batches).column("total") for seed in (0, 1))
    assert one != other
