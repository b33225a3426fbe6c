from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.train import fastest_precision, full_precision
from segkit.train.method import Method


class Watcher(Method):
    """Notes in which precision its network and its loss compute."""

    def __init__(self):
        super().__init__()
        self.net = nn.Conv2d(1, 2, 3)
        self.seen = {}

    def step(self, batch, state):
        features = self.net(batch["image"])
        with full_precision(features):
            gram = features.float().flatten(2) @ features.float().flatten(2).mT
        self.seen = {"batch": batch["image"].dtype, "features": features.dtype, "gram": gram.dtype}
        return {"total": gram.mean()}


@pytest.mark.parametrize(
    ("precision", "features"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)]
)
def test_convolutions_follow_the_precision_and_nothing_else_does(make_trainer, precision, features):
    watcher = Watcher()
    trainer = make_trainer(watcher, iterations=1, precision=precision)
    history = trainer.fit([{"image": torch.randn(2, 1, 8, 8)}])
    assert watcher.seen == {"batch": torch.float32, "features": features, "gram": torch.float32}
    assert watcher.net.weight.dtype == watcher.net.weight.grad.dtype == torch.float32
    assert history.rows[0].keys() == {"iteration", "total", "lr"}


def test_half_precision_changes_the_loss_a_little(make_trainer, batches):
    full, half = (
        make_trainer(precision=precision).fit(batches).column("total")
        for precision in ("32-true", "bf16-mixed")
    )
    assert full != half
    assert full == pytest.approx(half, rel=0.05)


@pytest.mark.parametrize(
    ("abilities", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bf16-mixed"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bf16-mixed"),
        ({"avx512_bf16": False, "amx_bf16": False}, "32-true"),
        ({}, "32-true"),
    ],
)
def test_the_fastest_on_a_cpu_is_what_it_computes_natively(monkeypatch, abilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities, raising=False)
    assert fastest_precision("cpu") == expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "16-mixed"), ((8, 0), "bf16-mixed")])
def test_the_fastest_on_a_gpu_depends_on_its_age(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert fastest_precision("cuda") == expected
