"""Faults in labels: of the stated kind, size and frequency, and nothing else."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from segkit.data.case import IGNORE
from segkit.data.corruption import corrupt_labels
from segkit.data.distances import signed_distance_mm
from segkit.errors import ConfigError

KINDS = ["jitter", "dilate", "erode", "drop", "add"]
SPACING = (3.0, 1.0, 1.0)


@cache
def three_balls():
    """Two touching balls, a third apart, and a corner that nobody annotated."""
    z, y, x = np.meshgrid(np.arange(14) * 3.0, np.arange(44.0), np.arange(60.0), indexing="ij")
    label = np.zeros(z.shape, np.int64)
    for k, (centre, radius) in enumerate([((20, 15, 15), 10), ((20, 15, 33), 9), ((20, 34, 50), 6)], start=1):
        label[(z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < radius**2] = k
    label[:4, :8, :8] = IGNORE
    return torch.from_numpy(label)


def corrupt(kind, rate=1.0, seed=0, **options):
    return corrupt_labels(
        three_balls(), kind, rate, torch.Generator().manual_seed(seed), spacing_mm=SPACING, **options
    )


@pytest.mark.parametrize("kind", KINDS)
def test_rate_zero_changes_nothing_and_rate_one_every_structure(kind):
    label = three_balls()
    untouched = label.clone()
    assert torch.equal(corrupt(kind, 0.0), label)
    changed = corrupt(kind, 1.0, seed=3)
    for k in (1, 2, 3):
        assert ((changed == k) != (label == k)).any()
    assert changed.dtype == label.dtype and torch.equal(label, untouched)


@pytest.mark.parametrize("kind", KINDS)
def test_same_generator_same_faults(kind):
    assert torch.equal(corrupt(kind, seed=5), corrupt(kind, seed=5))
    assert not torch.equal(corrupt(kind, seed=5), corrupt(kind, seed=6))


@pytest.mark.parametrize("kind", KINDS)
def test_ignored_voxels_stay_and_no_class_is_invented_or_lost(kind):
    label = three_balls()
    for seed in range(8):
        changed = corrupt(kind, seed=seed)
        assert torch.equal(changed == IGNORE, label == IGNORE)
        assert set(changed.unique().tolist()) == {IGNORE, 0, 1, 2, 3}


def test_rate_is_the_probability_of_each_structure():
    label = torch.zeros(12, 30, dtype=torch.int64)
    for k in (1, 2, 3):
        label[3:9, 10 * k - 8 : 10 * k - 2] = k
    generator = torch.Generator().manual_seed(0)
    hit = torch.zeros(3)
    for _ in range(400):
        changed = corrupt_labels(label, "drop", 0.3, generator)
        hit += torch.tensor([bool(((changed == k) != (label == k)).any()) for k in (1, 2, 3)])
    assert (hit / 400 - 0.3).abs().max() < 0.08


@pytest.mark.parametrize(("kind", "reach"), [("jitter", 2.5), ("dilate", 1.0), ("erode", 1.0)])
def test_borders_move_no_further_than_stated(kind, reach):
    label, width = three_balls(), 2.0
    # The border between 1 and 2 moves by the difference of two displacements: for jitter up to twice as far.
    classes = (3,) if kind == "jitter" else (1, 2, 3)
    depths = {k: signed_distance_mm(label == k, SPACING).abs() for k in classes}
    moved = []
    for seed in range(6):
        changed = corrupt(kind, seed=seed, width_mm=width)
        for k, depth in depths.items():
            # A voxel that a neighbour took says nothing about how far the own border moved.
            differs = ((changed == k) != (label == k)) & ((changed == k) | (changed == 0))
            moved += depth[differs].tolist()
    assert 0.6 * width < max(moved) <= reach * width + 1.0


def test_dilation_only_adds_and_erosion_only_takes_away():
    label, volumes = three_balls(), []
    for seed in range(6):
        grown, shrunk = corrupt("dilate", seed=seed), corrupt("erode", seed=seed)
        assert ((label > 0) <= (grown > 0)).all() and ((shrunk > 0) <= (label > 0)).all()
        volumes.append([(m == 3).sum() for m in (shrunk, label, grown)])
    assert any(a < b < c for a, b, c in volumes)


def test_dilation_is_measured_in_mm():
    label = torch.zeros(15, 41, dtype=torch.int64)
    label[7, 20] = 1
    generator = torch.Generator().manual_seed(1)
    grown = corrupt_labels(label, "dilate", 1.0, generator, spacing_mm=(3.0, 1.0), width_mm=12.0) == 1
    tall, wide = (np.ptp(np.flatnonzero(grown.any(axis))) for axis in (1, 0))
    assert wide > 4 and abs(tall * 3 - wide) <= 3


def test_nested_structures_stay_nested_when_all_of_them_grow():
    """Blood within muscle: no ring of one class is left behind inside the other."""
    y, x = np.ogrid[:50, :50]
    radius = np.hypot(y - 25, x - 25)
    label = torch.from_numpy((radius < 18).astype(np.int64) + (radius < 9))
    for kind in ("dilate", "erode"):
        for seed in range(6):
            changed = corrupt_labels(label, kind, 1.0, torch.Generator().manual_seed(seed), width_mm=5.0)
            outwards = changed[25, 25:].tolist()
            assert outwards == sorted(outwards, reverse=True)


def test_erosion_never_deletes_a_structure():
    for seed in range(10):
        assert set(corrupt("erode", seed=seed, width_mm=100.0).unique().tolist()) == {IGNORE, 0, 1, 2, 3}


def test_a_shaky_border_keeps_the_volume():
    label = three_balls()
    for seed in range(8):
        changed = corrupt("jitter", seed=seed, width_mm=2.0)
        before, after, both = ((m == 3).sum() for m in (label, changed, torch.where(changed == 3, label, 0)))
        assert abs(after / before - 1) < 0.03
        assert 0.5 < 2 * both / (before + after) < 0.97


def test_a_displacement_of_the_border_is_smooth():
    """Neighbours along the border move together: the corrupted ball hardly falls to pieces."""
    from scipy.ndimage import label as pieces

    for seed in range(5):
        parts, _ = pieces(corrupt("jitter", seed=seed, width_mm=2.0).numpy() == 1)
        sizes = np.bincount(parts.ravel())[1:]
        assert sizes.max() > 0.93 * sizes.sum()


def test_a_lost_border_goes_to_the_neighbour_that_is_nearest():
    label = torch.ones(20, 20, dtype=torch.int64)
    label[:, 10:] = 2
    changed = torch.stack(
        [corrupt_labels(label, "erode", 0.5, torch.Generator().manual_seed(s)) for s in range(20)]
    )
    assert set(changed.unique().tolist()) == {1, 2}
    assert (changed != label).any()


def test_drop_cuts_the_stated_part_off_along_a_plane():
    label = three_balls()
    changed = corrupt("drop", seed=4, share=(0.3, 0.3))
    assert set(changed[changed != label].tolist()) == {0}
    for k in (1, 2, 3):
        whole, kept = torch.argwhere(label == k).double(), torch.argwhere(changed == k).double()
        assert len(kept) == len(whole) - round(0.3 * len(whole))
        lost = torch.argwhere((label == k) & (changed != k)).double()
        # Two sets that a plane parts: the direction between their centres of mass parts them almost wholly.
        axis = (lost.mean(0) - kept.mean(0)) * torch.tensor(SPACING, dtype=torch.float64)
        scores = [(part * torch.tensor(SPACING)) @ axis for part in (lost, kept)]
        assert (scores[0][:, None] > scores[1][None]).double().mean() > 0.95


def test_add_puts_a_ball_of_the_stated_volume_into_the_background():
    label = three_balls()
    changed = corrupt("add", seed=1, share=(0.2, 0.2))
    assert (label[changed != label] == 0).all()
    new = (changed == 3) & (label != 3)
    assert 0.1 < new.sum() / (label == 3).sum() < 0.32
    gap = distance_transform_edt((label.numpy() != 3), SPACING)[new.numpy()].min()
    assert gap > 1


def test_add_finds_a_place_even_where_there_is_no_room():
    label = torch.ones(6, 6, dtype=torch.int64)
    label[0, 0], label[0, 1:] = 0, 2
    generator = torch.Generator().manual_seed(0)
    changed = corrupt_labels(label, "add", 1.0, generator)
    assert changed[0, 0] > 0 and torch.equal(changed[label > 0], label[label > 0])
    full = torch.ones(6, 6, dtype=torch.int64)
    for kind in KINDS[:3] + KINDS[4:]:
        assert torch.equal(corrupt_labels(full, kind, 1.0, generator), full)


def test_a_structure_among_ignored_voxels_alone_stays():
    label = torch.full((9, 9), IGNORE)
    label[3:6, 3:6] = 1
    for kind in KINDS[:3]:
        assert torch.equal(corrupt_labels(label, kind, 1.0, torch.Generator().manual_seed(0)), label)


def test_nothing_to_corrupt_is_no_error():
    empty = torch.zeros(5, 5, dtype=torch.int64)
    for kind in KINDS:
        assert torch.equal(corrupt_labels(empty, kind, 1.0, torch.Generator()), empty)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "jiter"}, "did you mean 'jitter'"),
        ({"rate": 1.5}, r"in \[0, 1\]"),
        ({"rate": float("nan")}, r"in \[0, 1\]"),
        ({"width_mm": 0.0}, "width_mm"),
        ({"share": (0.5, 0.2)}, "share"),
        ({"share": (0.0, 0.2)}, "share"),
        ({"spacing_mm": (1.0,)}, "2 positive numbers"),
    ],
)
def test_numbers_outside_their_range_are_refused(options, says):
    given = {"kind": "drop", "rate": 0.5, **options}
    with pytest.raises(ConfigError, match=says):
        corrupt_labels(torch.ones(4, 4, dtype=torch.int64), generator=torch.Generator(), **given)
