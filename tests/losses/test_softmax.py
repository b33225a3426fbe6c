from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.losses.inputs import as_rows
from segkit.losses.softmax import class_counts, softmax_terms, sums_class_by_class, sums_in_one_walk


@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(2, 5), st.integers(1, 30), st.booleans())
def test_terms_are_those_of_the_definition(seed, batch, classes, voxels, squared):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, classes, voxels, dtype=torch.float64, generator=generator)
    labels = torch.randint(-1, classes, (batch, voxels), generator=generator)
    counts = (labels >= 0).double()
    onehot = torch.nn.functional.one_hot(labels.clamp(min=0), classes).movedim(-1, 1) * counts[:, None]
    probs = logits.softmax(1) * counts[:, None]

    terms = softmax_terms(as_rows(logits, labels), squared=squared)
    torch.testing.assert_close(terms.nll, -(logits.log_softmax(1) * onehot).sum(1))
    torch.testing.assert_close(terms.overlap, (probs * onehot).sum(2))
    torch.testing.assert_close(terms.mass, (probs**2 if squared else probs).sum(2))
    torch.testing.assert_close(terms.size, onehot.sum(2))


def test_both_ways_of_summing_agree():
    """The way of a GPU can be walked on a CPU, too."""
    values, labels = torch.rand(3, 50), torch.randint(0, 4, (3, 50))
    torch.testing.assert_close(sums_in_one_walk(values, labels, 4), sums_class_by_class(values, labels, 4))
    torch.testing.assert_close(
        class_counts(labels, 4), sums_class_by_class(torch.ones_like(labels), labels, 4)
    )


def test_a_large_class_is_counted_to_the_last_voxel():
    """Beyond 2²⁴ a float32 sum does not grow by ones."""
    voxels = 2**24 + 10
    ones = torch.ones(1, 1).expand(1, voxels)
    assert sums_in_one_walk(ones, ones.long(), 2)[0, 1] == voxels


def test_one_map_is_kept():
    logits = torch.zeros(1, 8, 1000, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        softmax_terms(as_rows(logits, torch.zeros(1, 1000, dtype=torch.int64)))
    assert sorted(kept) == [1000, 1000, 8000]
