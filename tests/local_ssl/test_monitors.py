"""Each monitor sees the failure that it is there for, and the healthy case."""

from __future__ import annotations

import math

import pytest
import torch

from segkit.errors import DataError
from segkit.local_ssl import effective_rank, positional_share, spread


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_spread_is_one_on_an_even_sphere_and_none_at_a_point():
    assert spread(noise(4, 2000, 32)).item() == pytest.approx(1, abs=0.02)
    assert spread(noise(1, 1, 32).expand(4, 50, 32)).item() < 1e-3
    line = noise(1, 1, 32) * torch.linspace(1, 9, 50)[None, :, None]
    assert spread(line).item() < 1e-3  # of different lengths, in one direction


def test_spread_looks_at_what_counts():
    features, valid = noise(2, 40, 8), torch.arange(40).expand(2, 40) < 20
    assert spread(features, valid) == pytest.approx(spread(features[:, :20]).item())
    features[~valid] = float("nan")
    assert spread(features, valid).isfinite()
    assert spread(features, torch.zeros_like(valid)) == 0


def test_rank_counts_directions():
    assert effective_rank(noise(5000, 8)).item() == pytest.approx(8, rel=0.01)
    plane = noise(5000, 2) @ torch.linalg.qr(noise(8, 8))[0][:2]
    assert effective_rank(plane.reshape(50, 100, 8)).item() == pytest.approx(2, rel=0.01)
    assert effective_rank(torch.ones(10, 8)) == 1


def test_rank_is_the_exponential_of_an_entropy():
    stretched = noise(100_000, 2) * torch.tensor([2.0, 1.0])
    share = torch.tensor([0.8, 0.2])
    wanted = math.exp(-(share * share.log()).sum())
    assert effective_rank(stretched).item() == pytest.approx(wanted, rel=0.01)


def test_the_share_of_the_place_is_one_chance_or_between():
    place, content = noise(1, 200, 4), noise(60, 200, 4, seed=1)
    assert positional_share(place.expand(60, -1, -1)).item() == pytest.approx(1)
    assert positional_share(content).item() == pytest.approx(1 / 60, rel=0.2)
    assert positional_share(place + content).item() == pytest.approx(0.5, abs=0.06)
    maps = (place + content).mT.reshape(60, 4, 20, 10)
    assert positional_share(maps).item() == pytest.approx(positional_share(place + content).item())


def test_a_spread_that_is_healthy_says_nothing_of_features_that_only_know_their_place():
    features = noise(1, 500, 16).expand(8, -1, -1)
    assert spread(features) > 0.9 and positional_share(features) > 0.99


def test_channels_without_variance_do_not_count():
    features = torch.cat([noise(1, 50, 1).expand(4, -1, -1), torch.full((4, 50, 1), 3.0)], -1)
    assert positional_share(features).item() == pytest.approx(1)
    assert positional_share(torch.ones(4, 50, 2)) == 0
    with pytest.raises(DataError, match="two views or more"):
        positional_share(torch.ones(1, 50, 2))
