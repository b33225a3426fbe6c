from __future__ import annotations

import math

import pytest
import torch

from segkit.coarse_refined.baselines import EntropyMinimisation
from tests.coarse_refined.baselines.tables import Table, batch
from tests.coarse_refined.methods import state


def test_the_term_is_the_mean_entropy_of_all_images():
    method, given = EntropyMinimisation(Table()), batch()
    terms = method.step(given, state())
    p = method.net(torch.cat([given["image"], given["unlabelled_image"]])).softmax(1).movedim(1, -1)
    entropies = [-sum(v * math.log(v) for v in row) / math.log(3) for row in p.reshape(-1, 3).tolist()]
    assert terms["unlabelled"].item() == pytest.approx(sum(entropies) / len(entropies))


def test_its_gradient_makes_predictions_surer():
    method, given = EntropyMinimisation(Table()), batch()
    optimizer = torch.optim.SGD(method.parameters(), 0.5)
    before = method.step(given, state())["entropy"]
    for _ in range(20):
        optimizer.zero_grad()
        method.step(given, state())["unlabelled"].backward()
        optimizer.step()
    assert method.step(given, state())["entropy"] < 0.7 * before
