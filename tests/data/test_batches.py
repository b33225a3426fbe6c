"""Batches are functions of (seed, iteration), every case takes its turn, and what does not fit is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data import IGNORE, Case, PatchBatches, WholeBatches, phantoms, signed_distance_mm, slices
from segkit.data.rows import order
from segkit.errors import ConfigError, DataError


def coded(shape, k=1, n_foreground=5, channels=1):
    """An image whose value at a voxel is the voxel's number, so that a patch says where it came from."""
    image = torch.arange(int(np.prod(shape)), dtype=torch.float32).reshape(1, *shape) + 1
    label = torch.zeros(shape, dtype=torch.int64)
    label.view(-1)[:n_foreground] = 1
    label.view(-1)[-n_foreground:] = 2
    image = image.repeat(channels, *(1 for _ in shape))
    return Case(image, label, None, np.eye(4), f"c{k}", f"c{k}", ("background", "a", "b"))


@pytest.fixture(scope="module")
def cases():
    return phantoms("hippocampus", 3)


@given(st.integers(1, 9), st.integers(0, 99), st.integers(0, 99))
def test_every_case_once_in_a_pass(n, seed, turn):
    assert sorted(order(n, seed, turn).tolist()) == list(range(n))


def test_cases_take_turns_across_batches():
    cases = [coded((4, 4), k).with_(image=torch.full((1, 4, 4), float(k))) for k in range(5)]
    batches = PatchBatches(cases, patch=(2, 2), batch_size=3, seed=1)
    seen = torch.cat([batches[i]["image"][:, 0, 0, 0] for i in range(10)]).tolist()
    for turn in range(6):
        assert sorted(seen[5 * turn : 5 * turn + 5]) == [0, 1, 2, 3, 4]
    assert len({tuple(seen[5 * t : 5 * t + 5]) for t in range(6)}) > 1


@pytest.mark.parametrize("whole", [True, False])
def test_a_batch_is_a_function_of_seed_and_number(cases, whole):
    def make(seed):
        if whole:
            return WholeBatches(cases, batch_size=2, seed=seed)
        return PatchBatches(cases, patch=(16, 20, 12), batch_size=2, seed=seed)

    a, b, other = make(5), make(5), make(6)
    for i in (3, 0, 3, 1000):
        assert torch.equal(a[i]["image"], b[i]["image"]) and torch.equal(a[i]["label"], b[i]["label"])
    assert any(not torch.equal(a[i]["image"], other[i]["image"]) for i in range(6))
    assert any(not torch.equal(a[i]["image"], a[i + 1]["image"]) for i in range(6))


def test_the_processes_together_see_the_whole_batch(cases):
    batches = PatchBatches(cases, patch=(16, 20, 12), batch_size=4, seed=0)
    whole, parts = batches[7], [batches.part(7, rank, 2) for rank in range(2)]
    for key in whole:
        assert torch.equal(torch.stack([parts[0][key], parts[1][key]], 1).flatten(0, 1), whole[key])
    with pytest.raises(ConfigError, match="3 divides"):
        batches.part(7, 0, 3)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_patch_is_a_piece_of_image_and_label(data):
    dims = data.draw(st.integers(2, 3))
    shape = data.draw(st.tuples(*[st.integers(3, 8)] * dims))
    patch = tuple(data.draw(st.integers(1, n)) for n in shape)
    case = coded(shape)
    batches = PatchBatches([case], patch=patch, batch_size=3, seed=data.draw(st.integers(0, 999)))
    batch = batches[0]
    for image, label in zip(batch["image"], batch["label"], strict=True):
        first = np.unravel_index(int(image.min()) - 1, shape)
        window = tuple(slice(int(i), int(i) + p) for i, p in zip(first, patch, strict=True))
        assert torch.equal(image[0], case.image[0][window])
        assert torch.equal(label, case.label[window])


def test_every_place_is_reached():
    batches = PatchBatches([coded((6, 5))], patch=(2, 2), batch_size=8, seed=0, foreground=0.0)
    firsts = torch.cat([batches[i]["image"][:, 0, 0, 0] for i in range(60)])
    assert len(firsts.unique()) == 5 * 4
    counts = firsts.unique(return_counts=True)[1]
    assert counts.min() > 8 and counts.max() < 48


def test_foreground_patches_are_centred_on_each_class_equally_often():
    case = coded((30, 30), n_foreground=1)
    case.label.view(-1)[:] = 0
    case.label[10, 10], case.label[20, 18:24] = 1, 2
    batches = PatchBatches([case], patch=(5, 5), batch_size=10, seed=0, foreground=1.0)
    middles = torch.cat([batches[i]["label"][:, 2, 2] for i in range(30)])
    assert (middles > 0).all()
    assert 0.4 < (middles == 1).float().mean() < 0.6


def test_foreground_is_a_probability():
    case = coded((41, 41), n_foreground=1)
    case.label.view(-1)[:] = 0
    case.label[20, 20] = 1
    batches = PatchBatches([case], patch=(3, 3), batch_size=10, seed=3, foreground=0.4)
    hits = torch.cat([batches[i]["label"][:, 1, 1] for i in range(60)]) > 0
    assert float(hits.float().mean()) == pytest.approx(0.4, abs=0.07)


def test_foreground_at_the_border_stays_in_the_image():
    batches = PatchBatches(
        [coded((9, 9), n_foreground=1)], patch=(5, 5), batch_size=4, seed=0, foreground=1.0
    )
    for i in range(4):
        assert (batches[i]["label"] > 0).flatten(1).any(1).all()
        assert (batches[i]["label"] != IGNORE).all()


def test_small_cases_are_padded_with_minimum_ignore_and_border():
    case = coded((3, 9))
    case = case.with_(meta={"mask": case.label > 0, "distance": case.image[0] * 2})
    batches = PatchBatches(
        [case], patch=(6, 5), batch_size=6, seed=0, keys=("image", "label", "mask", "distance")
    )
    batch = batches[0]
    assert batch["image"].shape == (6, 1, 6, 5) and batch["mask"].dtype == torch.bool
    padded = batch["label"] == IGNORE
    assert padded[:, 0].all() and padded[:, 4:].all() and not padded[:, 1:4].any()
    assert (batch["image"][:, 0][padded] == 1).all()
    assert torch.equal(batch["distance"][:, 0], batch["distance"][:, 1])
    assert torch.equal(batch["mask"][:, 5], batch["mask"][:, 3])
    assert torch.equal(batch["distance"][:, 1:4], 2 * batch["image"][:, 0, 1:4])


def test_further_maps_travel_along(cases):
    marked = [
        c.with_(meta={"distance": signed_distance_mm(c.label > 0), "both": c.image.repeat(2, 1, 1, 1)})
        for c in cases
    ]
    batches = PatchBatches(
        marked, patch=(8, 8, 8), batch_size=4, seed=0, keys=("label", "distance", "both"), foreground=1.0
    )
    batch = batches[2]
    assert sorted(batch) == ["both", "distance", "label"] and batch["both"].shape == (4, 2, 8, 8, 8)
    assert torch.equal(batch["distance"] < 0, batch["label"] > 0)


def test_unlabelled_cases_need_no_labels(cases):
    bare = [c.with_(label=None) for c in cases]
    assert list(PatchBatches(bare, patch=(8, 8, 8), batch_size=2, seed=0, keys=("image",))[0]) == ["image"]


def test_whole_images_are_whole(cases):
    batch = WholeBatches(cases, batch_size=3, seed=0)[0]
    for image, label in zip(batch["image"], batch["label"], strict=True):
        assert any(torch.equal(image, c.image) and torch.equal(label, c.label) for c in cases)


def test_slices_of_volumes_are_two_dimensional_cases(cases):
    stack = [s for case in cases for s in slices(case, 2)]
    batch = PatchBatches(stack, patch=(20, 24), batch_size=5, seed=0)[3]
    assert batch["image"].shape == (5, 1, 20, 24) and batch["label"].shape == (5, 20, 24)


def test_a_batch_is_not_a_view_of_the_cases(cases):
    before = cases[0].image.clone()
    for batches in (
        WholeBatches(cases[:1], batch_size=1, seed=0),
        PatchBatches(cases[:1], patch=(8, 8, 8), batch_size=1, seed=0),
    ):
        batches[0]["image"].zero_()
    assert torch.equal(cases[0].image, before)


def lacks(case, **changes):
    return [case, case.with_(id="odd", **changes)]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda c: PatchBatches([], patch=(2,), batch_size=1, seed=0), DataError, "there are no cases"),
        (lambda c: WholeBatches([], batch_size=1, seed=0), DataError, "there are no cases"),
        (lambda c: WholeBatches([c], batch_size=0, seed=0), ConfigError, "batch_size of 1"),
        (lambda c: WholeBatches([c], batch_size=1, seed=-1), ConfigError, "seed of 0"),
        (
            lambda c: PatchBatches([c], patch=(2, 2), batch_size=1, seed=0, foreground=2),
            ConfigError,
            r"in \[0, 1\]",
        ),
        (lambda c: PatchBatches([c], patch=(2, 2, 2), batch_size=1, seed=0), ConfigError, "needs 2 sizes"),
        (lambda c: PatchBatches([c], patch=(2, 0), batch_size=1, seed=0), ConfigError, "needs 2 sizes"),
        (
            lambda c: PatchBatches([c], patch=(2, 99), batch_size=1, seed=0, pad=False),
            DataError,
            "smaller than the patch",
        ),
        (
            lambda c: PatchBatches([c.with_(label=c.label * 0)], patch=(2, 2), batch_size=1, seed=0),
            DataError,
            "no case has a voxel of a foreground class",
        ),
        (
            lambda c: PatchBatches([c], patch=(2, 2), batch_size=1, seed=0, foreground=0.5, keys=("image",)),
            DataError,
            "foreground patches need 'label'",
        ),
        (
            lambda c: WholeBatches(lacks(c, label=None), batch_size=1, seed=0),
            DataError,
            "odd has no label",
        ),
        (
            lambda c: WholeBatches([c], batch_size=1, seed=0, keys=("image", "distance")),
            DataError,
            "no tensor 'distance'",
        ),
        (
            lambda c: WholeBatches(
                [c.with_(meta={"mask": torch.ones(2, 2)})], batch_size=1, seed=0, keys=("mask",)
            ),
            DataError,
            "lie on the image's grid",
        ),
        (
            lambda c: WholeBatches(lacks(c, image=c.image.repeat(2, 1, 1)), batch_size=1, seed=0),
            DataError,
            "the same in all cases",
        ),
        (
            lambda c: WholeBatches(lacks(c, image=c.image[:, 1:], label=c.label[1:]), batch_size=1, seed=0),
            DataError,
            "must have one shape",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, error, says):
    with pytest.raises(error, match=says):
        make(coded((6, 7)))
