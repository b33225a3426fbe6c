from __future__ import annotations

import pytest
import torch

from segkit.errors import ConfigError
from segkit.mask_prior import DropChannelsd, drop_channels


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_one_of_the_two_is_dropped_as_often_as_told_and_never_both():
    image, prior = torch.ones(4000, 1, 2, 2), torch.ones(4000, 3, 2, 2)
    a, b = drop_channels(image, prior, p_image=0.2, p_prior=0.1, generator=generator())
    no_image, no_prior = (a == 0).flatten(1).all(1), (b == 0).flatten(1).all(1)
    assert ((a == 0).flatten(1).any(1) == no_image).all() and ((b == 0).flatten(1).any(1) == no_prior).all()
    assert not (no_image & no_prior).any()
    assert 0.17 < no_image.float().mean() < 0.23 and 0.08 < no_prior.float().mean() < 0.12
    assert image.min() == 1 == prior.min()


def test_the_same_state_drops_the_same():
    image, prior = torch.rand(9, 1, 4), torch.rand(9, 1, 4)
    options = {"p_image": 0.5, "p_prior": 0.4}
    a, b = (drop_channels(image, prior, **options, generator=generator(3)) for _ in "ab")
    assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])


def test_nothing_is_drawn_where_nothing_is_dropped():
    image, prior, g = torch.rand(2, 1, 4), torch.rand(2, 1, 4), generator()
    before = g.get_state()
    a, b = drop_channels(image, prior, p_image=0, p_prior=0, generator=g)
    assert a is image and b is prior and torch.equal(before, g.get_state())


@pytest.mark.parametrize(("p_image", "p_prior"), [(0.6, 0.5), (-0.1, 0.0), (0.0, 1.2)])
def test_probabilities_that_do_not_exclude_each_other_are_refused(p_image, p_prior):
    with pytest.raises(ConfigError, match="add up to at most 1"):
        drop_channels(
            torch.ones(1, 1, 1), torch.ones(1, 1, 1), p_image=p_image, p_prior=p_prior, generator=generator()
        )
    with pytest.raises(ConfigError, match="add up to at most 1"):
        DropChannelsd(["image", "mask"], [p_image, p_prior])


def test_the_dictionary_transform_drops_at_most_one():
    drop = DropChannelsd(["image", "mask"], [0.3, 0.3]).set_random_state(0)
    seen = set()
    for _ in range(60):
        out = drop({"image": torch.ones(1, 3), "mask": torch.ones(1, 3), "label": torch.ones(3)})
        seen.add((bool(out["image"].any()), bool(out["mask"].any())))
        assert out["label"].all()
    assert seen == {(True, True), (False, True), (True, False)}
    with pytest.raises(ConfigError, match="1 probabilities for the keys"):
        DropChannelsd(["image", "mask"], [0.3])
