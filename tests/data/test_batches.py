"""Batches are functions of (seed, iteration), every case takes its turn, and what does not fit is refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.data import WholeBatches, phantoms
from segkit.data.batches import turns
from segkit.errors import ConfigError, DataError


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_every_case_once_in_an_epoch(n_items, batch_size, seed):
    drawn = [
        i for it in range(2 * n_items) for i in turns(n_items, batch_size=batch_size, seed=seed, iteration=it)
    ]
    for epoch in range(2):
        assert sorted(drawn[epoch * n_items : (epoch + 1) * n_items]) == list(range(n_items))


@pytest.fixture(scope="module")
def cases():
    return phantoms("hippocampus", 3)


def test_a_batch_is_a_function_of_seed_and_number(cases):
    a, b = (WholeBatches(cases, batch_size=2, seed=5) for _ in range(2))
    for i in (3, 0, 3):
        assert torch.equal(a[i]["image"], b[i]["image"]) and torch.equal(a[i]["label"], b[i]["label"])
    other = WholeBatches(cases, batch_size=2, seed=6)
    assert any(not torch.equal(a[i]["image"], other[i]["image"]) for i in range(6))


def test_image_and_label_come_from_one_case(cases):
    batch = WholeBatches(cases, batch_size=3, seed=0)[0]
    for image, label in zip(batch["image"], batch["label"], strict=True):
        assert any(torch.equal(image, c.image) and torch.equal(label, c.label) for c in cases)


def test_further_maps_travel_along(cases):
    marked = [c.with_(meta={"distance": torch.full(c.shape, float(i))}) for i, c in enumerate(cases)]
    batch = WholeBatches(marked, batch_size=3, seed=0, keys=("label", "distance"))[0]
    assert sorted(batch) == ["distance", "label"]
    assert sorted(batch["distance"].flatten(1).mean(1).tolist()) == [0.0, 1.0, 2.0]


def test_the_augmentation_gets_the_batch_and_its_seed(cases):
    seen = []
    batches = WholeBatches(
        cases, batch_size=2, seed=4, augment=lambda batch, seed: seen.append(seed) or batch
    )
    _ = batches[9]
    assert seen == [(4, 9)]


def test_what_does_not_fit_is_refused(cases):
    with pytest.raises(ConfigError, match="at least one case"):
        WholeBatches([], batch_size=2, seed=0)
    small = cases[0].with_(image=cases[0].image[..., 1:], label=cases[0].label[..., 1:])
    with pytest.raises(DataError, match="only in one shape"):
        WholeBatches([*cases, small], batch_size=2, seed=0)
    with pytest.raises(DataError, match="has no 'distance'"):
        WholeBatches(cases, batch_size=2, seed=0, keys=("image", "distance"))
