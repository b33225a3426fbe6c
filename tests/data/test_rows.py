"""Rows of a batch: shared out by processes, the same wherever they are made."""

from __future__ import annotations

import pytest
import torch

from segkit.data.rows import RowBatches
from segkit.errors import ConfigError


class Numbers(RowBatches):
    """Which case a row shows, and a random number."""

    def __init__(self, batch_size=6, seed=0, cases=5):
        self.batch_size, self.seed, self.cases, self.made = batch_size, seed, cases, []

    def _row(self, iteration, row):
        self.made.append(row)
        number = self._random(iteration, row).random()
        return {"case": torch.tensor(self._which(self.cases, iteration, row)), "number": torch.tensor(number)}


@pytest.mark.parametrize("processes", [1, 2, 3, 6])
def test_processes_make_their_rows_alone_and_together_the_batch(processes):
    whole = Numbers()[4]
    for rank in range(processes):
        batches = Numbers()
        part = batches.part(4, rank, processes)
        assert batches.made == list(range(rank, 6, processes))
        for key in whole:
            assert torch.equal(part[key], whole[key][rank::processes])


def test_a_batch_that_cannot_be_shared():
    with pytest.raises(ConfigError, match="batch of 6 cannot be shared evenly by 4 processes"):
        Numbers().part(0, 0, 4)


def test_every_case_comes_once_before_any_comes_again():
    shown = torch.cat([Numbers()[i]["case"] for i in range(5)]).view(6, 5)
    assert all(sorted(turn.tolist()) == list(range(5)) for turn in shown)
    assert len({tuple(turn.tolist()) for turn in shown}) > 1


def test_numbers_belong_to_seed_iteration_and_row():
    rows = [Numbers(seed=seed)[i]["number"] for seed in (0, 1) for i in (0, 1)]
    assert len(torch.cat(rows).unique()) == 24
    assert torch.equal(Numbers()[1]["number"], rows[1])


def test_what_says_nothing_about_its_rows():
    class Nothing(RowBatches):
        batch_size = 1

    with pytest.raises(NotImplementedError, match="does not define _row"):
        Nothing()[0]
