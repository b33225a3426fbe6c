from __future__ import annotations

import pytest

from segkit.coarse_refined import semi_supervised_batches
from segkit.data import phantoms
from segkit.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def cases():
    return phantoms("hippocampus", 3)


def test_unlabelled_labels_never_enter_a_batch(cases):
    batches = semi_supervised_batches(cases[:1], cases[1:], batch_size=(1, 2), seed=0, patch=(16, 16, 16))
    batch = batches[3]
    assert set(batch) == {"image", "label", "unlabelled_image"}
    assert batch["unlabelled_image"].shape == (2, 1, 16, 16, 16)


def test_the_streams_have_orders_of_their_own():
    cases = phantoms("ultrasound", 3)
    batches = semi_supervised_batches(cases, cases, batch_size=(1, 1), seed=0)
    pairs = [(batches[i]["image"] == batches[i]["unlabelled_image"]).all().item() for i in range(6)]
    assert not all(pairs)


@pytest.mark.parametrize(
    ("labelled", "unlabelled", "size", "error", "sentence"),
    [
        (0, 2, (1, 1), DataError, "no labelled case"),
        (1, 0, (1, 1), DataError, "no unlabelled case"),
        (1, 2, (1, 0), ConfigError, "leaves one stream"),
        (1, 2, (0, 1), ConfigError, "leaves one stream"),
    ],
)
def test_what_cannot_fill_a_batch(cases, labelled, unlabelled, size, error, sentence):
    with pytest.raises(error, match=sentence):
        semi_supervised_batches(
            cases[:labelled], cases[:unlabelled], batch_size=size, seed=0, patch=(16, 16, 16)
        )


def test_a_labelled_case_without_a_label(cases):
    with pytest.raises(DataError, match="has no label"):
        semi_supervised_batches(
            [cases[0].with_(label=None)], cases, batch_size=(1, 1), seed=0, patch=(16, 16, 16)
        )
