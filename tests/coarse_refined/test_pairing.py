from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import semi_supervised_batches
from segkit.data import crop_or_pad, phantoms
from segkit.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def cases():
    return phantoms("hippocampus", 3)


def test_unlabelled_labels_never_enter_a_batch(cases):
    batches = semi_supervised_batches(cases[:1], cases[1:], batch_size=(1, 2), seed=0, patch=(16, 16, 16))
    batch = batches[3]
    assert set(batch) == {"image", "label", "unlabelled_image"}
    assert batch["unlabelled_image"].shape == (2, 1, 16, 16, 16)


@pytest.mark.parametrize("patch", [None, (180, 270)])
def test_the_streams_have_orders_of_their_own(patch):
    cases = phantoms("ultrasound", 3)
    batches = semi_supervised_batches(cases, cases, batch_size=(1, 1), seed=0, patch=patch)
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


def broken(case):
    image = case.image.clone()
    image.view(-1)[7] = torch.nan
    return case.with_(image=image)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (broken, "1 voxels that are NaN or infinite"),
        (lambda case: case.with_(image=case.image.double()), "torch.float64: make it float32"),
        (lambda case: case.with_(image=case.image.repeat(2, 1, 1, 1)), "channels and axes must be the same"),
        (lambda case: phantoms("ultrasound", 1)[0], "channels and axes must be the same"),
    ],
)
def test_cases_that_cannot_be_used(cases, change, sentence, whole):
    patch = None if whole else (16, 16, 16)
    for streams in ([cases[:1], [cases[1], change(cases[2])]], [[cases[0], change(cases[1])], cases[2:]]):
        with pytest.raises(DataError, match=sentence):
            semi_supervised_batches(*streams, batch_size=(1, 1), seed=0, patch=patch)


def test_whole_images_of_two_shapes(cases):
    small = crop_or_pad(cases[1], (16, 16, 16), pad_label=0)
    with pytest.raises(DataError, match=f"{small.id} is \\(16, 16, 16\\): give a patch"):
        semi_supervised_batches(cases[:1], [small], batch_size=(1, 1), seed=0)


def test_a_patch_larger_than_the_images_is_padded_with_what_does_not_count(cases):
    size = tuple(n + 6 for n in cases[0].shape)
    batch = semi_supervised_batches(cases[:1], cases[1:], batch_size=(1, 1), seed=0, patch=size)[0]
    assert batch["image"].shape[2:] == batch["unlabelled_image"].shape[2:] == size
    assert (batch["label"] == -1).sum() == batch["label"].numel() - cases[0].label.numel()


def test_labelled_cases_without_a_structure(cases):
    empty = cases[0].with_(label=torch.zeros_like(cases[0].label))
    options = {"batch_size": (1, 1), "seed": 0, "patch": (16, 16, 16)}
    with pytest.raises(DataError, match="no case has a voxel of a foreground class"):
        semi_supervised_batches([empty], cases[1:], **options)
    batch = semi_supervised_batches([empty], cases[1:], foreground=0.0, **options)[0]
    assert not batch["label"].any()


@pytest.mark.parametrize("size", [4, (1, 2, 3), "ab"])
def test_a_batch_size_is_a_pair(cases, size):
    with pytest.raises(ConfigError, match="pair of labelled and unlabelled"):
        semi_supervised_batches(cases[:1], cases[1:], batch_size=size, seed=0)


def test_whole_images_are_centred_on_nothing(cases):
    with pytest.raises(ConfigError, match="centred on nothing"):
        semi_supervised_batches(cases[:1], cases[1:], batch_size=(1, 1), seed=0, foreground=0.5)


@pytest.mark.parametrize("given", ["one case", ["a path"], None])
def test_what_is_no_list_of_cases(cases, given):
    labelled = cases[0] if given == "one case" else given
    with pytest.raises(DataError, match="lists of cases"):
        semi_supervised_batches(labelled, cases[1:], batch_size=(1, 1), seed=0)


def test_a_labelled_case_without_a_label(cases):
    with pytest.raises(DataError, match="has no label"):
        semi_supervised_batches(
            [cases[0].with_(label=None)], cases, batch_size=(1, 1), seed=0, patch=(16, 16, 16)
        )
