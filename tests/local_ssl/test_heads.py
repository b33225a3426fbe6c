"""Heads work on points: those that do not count take no part."""

from __future__ import annotations

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.local_ssl import RowHead


def rows(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_points_that_do_not_count_take_no_part(norm):
    head = RowHead(5, 7, 3, norm=norm)
    valid = torch.rand(2, 6, generator=torch.Generator().manual_seed(1)) < 0.5
    given = rows(2, 6, 5)
    spoilt = given.masked_fill(~valid[..., None], float("nan"))
    found, spoilt_found = head(given, valid), head(spoilt, valid)
    assert torch.equal(found, spoilt_found) and (found[~valid] == 0).all()
    torch.testing.assert_close(found[valid], head(given[valid][None])[0])


def test_batch_norm_is_over_all_points_of_the_batch():
    head = RowHead(5, 7, 3)
    given = rows(4, 6, 5)
    between = head.layers[1](head.layers[0](given.flatten(0, 1)))
    assert between.mean(0).abs().max() < 1e-6
    assert not torch.allclose(head(given)[:2], head(given[:2]))


def test_layer_norm_mixes_no_points():
    head = RowHead(5, 7, 3, norm="layer")
    given = rows(4, 6, 5)
    torch.testing.assert_close(head(given)[:2, :3], head(given[:2, :3]))


def test_nothing_that_counts_is_finite():
    head = RowHead(5, 7, 3)
    assert head(rows(2, 3, 5), torch.zeros(2, 3, dtype=torch.bool)).isfinite().all()


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="unknown norm of a head 'instance'"):
        RowHead(5, 7, 3, norm="instance")
    with pytest.raises(ConfigError, match="positive widths"):
        RowHead(5, 0, 3)
    with pytest.raises(DataError, match=r"rows \(B, Q, 5\)"):
        RowHead(5, 7, 3)(rows(2, 5))
    with pytest.raises(DataError, match="single vector"):
        RowHead(5, 7, 3)(rows(1, 1, 5))
    assert RowHead(5, 7, 3).eval()(rows(1, 1, 5)).shape == (1, 1, 3)
