"""The oracle of the spread rule, against the library's."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.exercises import check
from segkit.exercises.loss_envelope.spread import _by_library, _counts

NAME = "loss_envelope.spread_rule"


@given(st.integers(0, 10_000), st.integers(1, 60), st.sampled_from([0.5, 1.3, 2.1]))
def test_the_oracle_counts_as_the_library_does(seed, n, factor):
    generator = torch.Generator().manual_seed(seed)
    losses = torch.empty(n, dtype=torch.float64).exponential_(generator=generator)
    labels = torch.randint(-1, 3, (n,), generator=generator)
    assert _counts(losses, labels, factor, 4) == _by_library(losses, labels, factor, 4).tolist()


def test_an_answer_in_numpy():
    def answer(losses, labels, factor, n_classes):
        losses, labels = losses.numpy(), labels.numpy()
        own = [losses[labels == k] for k in range(n_classes)]
        return [np.sum(each > each.mean() + factor * each.std()) if len(each) else 0 for each in own]

    assert check(NAME, answer)


def test_the_arguments_are_still_whole_after_a_function_that_writes_into_them():
    def answer(losses, labels, factor, n_classes):
        counts = _counts(losses, labels, factor, n_classes)
        losses.zero_()
        return counts

    assert check(NAME, answer)
