"""Variants of a patch: image, label and masks stay together, and only what was asked for changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.ndimage import affine_transform

from segkit.data import IGNORE, Augment, Case, PatchBatches, Prefetch, WholeBatches, phantoms, z_score
from segkit.data.augmentation import _resampled
from segkit.errors import ConfigError

WILD = {"spatial": 1.0, "rotate_deg": 25.0, "scale": 0.2, "intensity": 0.0}


def ball_case(shape=(36, 40, 32), spacing=None, radius=9.0):
    """A bright ball with a soft edge, its label (classes 0, 2), mask and distance."""
    spacing = spacing or (1.0,) * len(shape)
    axes = torch.meshgrid(*(torch.arange(n) - n / 2 + 0.5 for n in shape), indexing="ij")
    gap = sum((a * s) ** 2 for a, s in zip(axes, spacing, strict=True)).sqrt() - radius
    inside = gap < 0
    meta = {"mask": inside, "distance": gap}
    affine = np.eye(4)
    affine[: len(shape), : len(shape)] = np.diag(spacing)
    image = (0.5 - gap).clamp(0, 1)[None]
    return Case(image, inside.long() * 2, spacing, affine, "ball", "ball", ("background", "no", "ball"), meta)


def overlap(a, b):
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


KEYS = ("image", "label", "mask", "distance")


@pytest.mark.parametrize(("shape", "radius"), [((40, 42, 38), 13.0), ((56, 60), 20.0)])
@settings(max_examples=10, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 10**6))
def test_image_label_mask_and_distance_stay_together(shape, radius, seed):
    case = ball_case(shape, radius=radius)
    maps = {"image": case.image, "label": case.label, **case.meta}
    out = Augment(**WILD, flip_axes=(0,))(maps, seed)
    assert set(out["label"].unique().tolist()) <= {IGNORE, 0, 2}
    assert out["mask"].dtype == torch.bool and out["label"].dtype == torch.int64
    ball = out["label"] == 2
    assert overlap(out["image"][0] > 0.5, ball) > 0.97
    assert overlap(out["mask"], ball) > 0.999
    assert overlap(out["distance"] < 0, ball) > 0.97


def test_turned_samples_really_differ():
    case = ball_case()
    case = case.with_(image=case.image * torch.linspace(0, 1, 32))
    batches = WholeBatches([case], batch_size=8, seed=0, augment=Augment(**WILD))
    plain = WholeBatches([case], batch_size=8, seed=0)
    changed = (batches[0]["image"] - plain[0]["image"]).abs().flatten(1).amax(1)
    assert (changed > 0.1).all()
    half = WholeBatches([case], batch_size=40, seed=0, augment=Augment(spatial=0.5, intensity=0.0))[0][
        "image"
    ]
    assert 8 < sum(torch.equal(image, case.image) for image in half) < 32


def test_with_every_probability_zero_nothing_changes():
    cases = phantoms("hippocampus", 2)
    augment = Augment(spatial=0.0, intensity=0.0)
    for make in (
        lambda a: WholeBatches(cases, batch_size=2, seed=3, augment=a),
        lambda a: PatchBatches(cases, patch=(20, 60, 20), batch_size=3, seed=3, augment=a),
    ):
        plain, augmented = make(None)[4], make(augment)[4]
        for key in plain:
            assert torch.equal(plain[key], augmented[key])
    still = WholeBatches(cases, batch_size=2, seed=3, augment=Augment(rotate_deg=0, scale=0, intensity=0.0))
    assert torch.equal(still[4]["image"], WholeBatches(cases, batch_size=2, seed=3)[4]["image"])


def test_intensities_change_the_image_alone():
    case = ball_case()
    before = case.image.clone()
    augment = Augment(spatial=0.0, intensity=1.0)
    batch = WholeBatches([case], batch_size=4, seed=0, augment=augment, keys=KEYS)[0]
    for image, label, mask, distance in zip(*(batch[key] for key in KEYS), strict=True):
        assert (image - case.image).abs().max() > 0.02
        assert torch.equal(label, case.label) and torch.equal(mask, case.meta["mask"])
        assert torch.equal(distance, case.meta["distance"])
    assert torch.equal(case.image, before) and type(batch["image"]) is torch.Tensor
    assert batch["image"].dtype == torch.float32


def test_intensity_is_a_probability():
    case = ball_case((12, 12, 12), radius=4.0)
    changed = 0
    for i in range(30):
        images = WholeBatches([case], batch_size=4, seed=i, augment=Augment(spatial=0.0, intensity=0.1))[0][
            "image"
        ]
        changed += sum(not torch.equal(image, case.image) for image in images)
    # One of five transforms at least: 1 − 0.9⁵ = 0.41.
    assert 0.27 < changed / 120 < 0.55


def test_same_seed_same_variant_in_any_thread():
    cases = [z_score(c) for c in phantoms("hippocampus", 3)]
    batches, again = (
        PatchBatches(
            cases,
            patch=(20, 24, 20),
            batch_size=3,
            seed=1,
            augment=Augment(intensity=0.5, flip_axes=(0,)),
        )
        for _ in range(2)
    )
    with Prefetch(batches, workers=3, ahead=6) as ahead:
        for i in range(8):
            one, other, third = batches[i], ahead[i], again[i]
            assert all(torch.equal(one[k], other[k]) and torch.equal(one[k], third[k]) for k in one)
    assert not torch.equal(batches[0]["image"], batches[1]["image"])


def test_what_turns_into_a_patch_comes_from_around_it():
    case = ball_case((60, 60))
    case = case.with_(label=torch.ones(60, 60, dtype=torch.int64))
    maps = {"image": case.image + 1, "label": case.label}
    for seed in range(10):
        out = Augment(**WILD).cut(maps, (20, 20), (20, 20), np.random.default_rng(seed))
        assert (out["label"] == 1).all()
    whole = [Augment(**WILD)(maps, seed) for seed in range(10)]
    assert any((out["label"] == IGNORE).any() for out in whole)
    assert all((out["image"] > 0.999).all() for out in whole)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 3))
def test_resampling_agrees_with_scipy(seed, dims):
    random = np.random.default_rng(seed)
    shape, size = (17, 14, 11)[:dims], (9, 6, 5)[:dims]
    start = tuple(int(random.integers(0, n - s + 1)) for n, s in zip(shape, size, strict=True))
    matrix = np.eye(dims) + random.normal(0, 0.25, (dims, dims))
    image = torch.from_numpy(random.random(shape, dtype=np.float32))[None]
    out = _resampled({"image": image}, start, size, matrix)["image"][0]
    half = (np.array(size) - 1) / 2
    offset = np.array(start) + half - matrix @ half
    expected = affine_transform(image[0].numpy(), matrix, offset, size, order=1, mode="nearest")
    assert np.allclose(out, expected, atol=1e-4)


def test_turns_keep_shapes_in_mm():
    """A ball in thick slices is still a ball after any turn; a turn in voxels would shear it."""
    spacing = (3.0, 1.0, 1.0)
    case = ball_case((16, 44, 44), spacing, radius=13.0)
    augment = Augment(spatial=1.0, rotate_deg=40.0, scale=0.0, intensity=0.0)
    batch = WholeBatches([case], batch_size=6, seed=0, augment=augment)[0]
    for label in batch["label"]:
        assert overlap(label == 2, case.label == 2) > 0.93
    sheared = WholeBatches([case.with_(spacing_mm=None)], batch_size=6, seed=0, augment=augment)[0]
    assert min(overlap(label == 2, case.label == 2) for label in sheared["label"]) < 0.9


def test_turns_stay_in_the_plane_where_told():
    case = ball_case((12, 30, 30))
    case = case.with_(image=torch.arange(12.0)[:, None, None].expand(1, 12, 30, 30).contiguous())
    augment = Augment(spatial=1.0, rotate_deg=(30, 0, 0), scale=0.0, intensity=0.0)
    batch = WholeBatches([case], batch_size=3, seed=0, augment=augment)[0]
    for image, label in zip(batch["image"], batch["label"], strict=True):
        assert torch.allclose(image, case.image, atol=1e-4)
        assert overlap(label == 2, case.label == 2) > 0.9


def test_mirroring_reaches_every_combination_of_axes():
    case = ball_case((4, 6)).with_(image=torch.arange(24.0).reshape(1, 4, 6))
    augment = Augment(spatial=0.0, intensity=0.0, flip_axes=(0, 1))
    batch = WholeBatches([case], batch_size=40, seed=0, augment=augment)[0]
    assert {tuple(image.flatten().tolist()) for image in batch["image"]} == {
        tuple(case.image.flip(axes).flatten().tolist()) for axes in ([], [1], [2], [1, 2])
    }


def test_other_transforms_of_monai_take_the_place_of_the_usual():
    from monai.transforms import RandShiftIntensityd

    case = ball_case((8, 8, 8), radius=3.0)
    augment = Augment(spatial=0.0, transforms=[RandShiftIntensityd("image", offsets=0.5, prob=0.5)])
    images = WholeBatches([case], batch_size=30, seed=0, augment=augment)[0]["image"]
    shifts = (images - case.image).flatten(1)
    assert torch.allclose(shifts, shifts[:, :1].expand_as(shifts), atol=1e-6)
    assert 5 < (shifts[:, 0] == 0).sum() < 25


def test_a_transform_that_writes_in_place_leaves_the_case_alone():
    class Careless:
        def set_random_state(self, seed):
            return self

        def __call__(self, sample):
            sample["image"] += 1
            return sample

    case = ball_case((8, 8, 8), radius=3.0)
    before = case.image.clone()
    augment = Augment(spatial=0.0, transforms=[Careless()])
    assert torch.equal(WholeBatches([case], batch_size=1, seed=0, augment=augment)[0]["image"][0], before + 1)
    assert torch.equal(case.image, before)


def test_maps_without_an_image_are_augmented_too():
    case = ball_case()
    batch = WholeBatches([case], batch_size=2, seed=0, augment=Augment(**WILD), keys=("label", "mask"))[0]
    assert overlap(batch["label"] == 2, batch["mask"]) > 0.999


@pytest.mark.parametrize(
    "options",
    [{"spatial": 1.1}, {"intensity": -0.1}, {"rotate_deg": -3}, {"rotate_deg": (1, 2)}, {"scale": 1.0}],
)
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(ConfigError):
        Augment(**options)
