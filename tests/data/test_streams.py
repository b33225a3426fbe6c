"""Two streams in one batch, and batches made ahead."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from segkit.data import PatchBatches, Prefetch, TwoStreamBatches, phantoms
from segkit.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def streams():
    cases = phantoms("hippocampus", 5)
    few = PatchBatches(cases[:1], patch=(12, 12, 12), batch_size=2, seed=0)
    many = PatchBatches(cases[1:], patch=(12, 12, 12), batch_size=4, seed=1, keys=("image",))
    return few, many


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_both_streams_arrive_under_their_names(streams):
    few, many = streams
    both = TwoStreamBatches(few, many)
    assert both.batch_size == 6
    for i in (0, 5):
        expected = {**few[i], "unlabelled_image": many[i]["image"]}
        assert same(both[i], expected)


def test_processes_share_both_streams(streams):
    both = TwoStreamBatches(*streams)
    whole, parts = both[3], [both.part(3, rank, 2) for rank in range(2)]
    for key in whole:
        assert torch.equal(torch.stack([parts[0][key], parts[1][key]], 1).flatten(0, 1), whole[key])
    with pytest.raises(ConfigError, match="4 divides"):
        both.part(0, 0, 4)


def test_streams_that_cannot_fill_a_batch_are_refused(streams):
    few, many = streams
    with pytest.raises(ConfigError, match="are the two swapped"):
        TwoStreamBatches(many, few)
    marked = phantoms("hippocampus", 1)[0]
    marked = marked.with_(meta={"unlabelled_image": marked.image})
    clash = PatchBatches(
        [marked], patch=(12, 12, 12), batch_size=1, seed=0, keys=("image", "label", "unlabelled_image")
    )
    with pytest.raises(ConfigError, match="both streams give"):
        TwoStreamBatches(clash, many)

    class Empty:
        batch_size = 0

    with pytest.raises(ConfigError, match="unlabelled stream gives no rows"):
        TwoStreamBatches(few, Empty())
    with pytest.raises(DataError, match="there are no cases"):
        TwoStreamBatches(few, PatchBatches([], patch=(12,), batch_size=1, seed=0))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_made_ahead_are_the_same_in_the_same_order(streams, workers):
    both = TwoStreamBatches(*streams)
    with Prefetch(both, workers=workers, ahead=2) as ahead:
        assert ahead.batch_size == both.batch_size
        # In order, then somewhere else as after a resume, then once more the same one.
        for i in (0, 1, 2, 3, 40, 41, 41, 7):
            assert same(ahead[i], both[i])
        assert same(ahead.part(9, 1, 2), both.part(9, 1, 2))
    assert same(ahead[2], both[2])


class Counting:
    """Batches that say which were made, by which thread, and fail at number 5."""

    batch_size = 1

    def __init__(self):
        self.made, self.threads = [], set()

    def __getitem__(self, iteration):
        return self.part(iteration, 0, 1)

    def part(self, iteration, rank, world_size):
        self.made.append(iteration)
        self.threads.add(threading.current_thread().name)
        if iteration == 5:
            raise DataError("number 5 is broken")
        return {"image": torch.tensor([iteration])}


def test_the_next_batches_are_made_in_the_background_and_only_once():
    source = Counting()
    with Prefetch(source, workers=1, ahead=3) as ahead:
        assert ahead[0]["image"].item() == 0
        deadline = time.monotonic() + 20
        while len(source.made) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sorted(source.made) == [0, 1, 2, 3]
        assert ahead[1]["image"].item() == 1
    assert sorted(set(source.made)) == sorted(source.made)
    assert threading.current_thread().name not in source.threads


def test_an_error_appears_where_its_batch_is_asked_for():
    with Prefetch(Counting(), workers=2, ahead=4) as ahead:
        for i in range(3, 5):
            assert ahead[i]["image"].item() == i
        with pytest.raises(DataError, match="number 5"):
            _ = ahead[5]
        assert ahead[6]["image"].item() == 6


@pytest.mark.parametrize("options", [{"workers": -1}, {"ahead": 0}])
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="Prefetch needs"):
        Prefetch(Counting(), **options)
