"""Resampling keeps the patient where he is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from segkit.data import IGNORE, Case, resample, resize
from segkit.errors import ConfigError, DataError


def to_world(case, index):
    dims = len(case.shape)
    return case.affine[:3, :dims] @ np.asarray(index, float) + case.affine[:3, 3]


def oblique(spacing, turn=0.3):
    affine = np.eye(4)
    c, s = np.cos(turn), np.sin(turn)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, -1]]) @ np.diag(spacing)
    affine[:3, 3] = (12, -30, 55)
    return affine


def ball(spacing, *, centre, radius=14.0, shape=(24, 26, 22)):
    """A ball about a point in mm along the voxel axes; image 1 inside with a soft edge, label 1."""
    index = torch.stack(
        torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij"), -1
    )
    gap = ((index - torch.tensor(centre)) * torch.tensor(spacing)).norm(dim=-1) - radius
    image = (0.5 - gap / max(spacing)).clamp(0, 1).float()[None]
    return Case(
        image, (gap < 0).long(), tuple(spacing), oblique(spacing), "ball", "ball", ("background", "ball")
    )


spacings = st.tuples(*[st.floats(1.2, 3.2)] * 3)


# Without shrinking: a failure would otherwise take minutes to be reported.
@settings(max_examples=15, deadline=None, phases=[Phase.generate])
@given(spacings, spacings, st.tuples(*[st.floats(-1, 1)] * 3), st.sampled_from(["linear", "cubic"]))
def test_a_ball_stays_where_it_is_in_mm(old, new, off, interpolation):
    radius = 5 * max(*old, *new)
    shape = [int(2 * (radius + 5) / s) + 2 for s in old]
    centre = [(n - 1) / 2 + o for n, o in zip(shape, off, strict=True)]
    case = ball(old, centre=centre, radius=radius, shape=shape)
    there = resample(case, new, interpolation=interpolation).validate()
    assert there.spacing_mm == pytest.approx(new)
    truth = to_world(case, centre)
    for weight, limit in ((there.image[0].clamp(0, None), 0.2), (there.label.float(), 0.2)):
        index = torch.stack(torch.meshgrid(*(torch.arange(n) for n in there.shape), indexing="ij"), -1)
        middle = (index * weight[..., None]).sum((0, 1, 2)) / weight.sum()
        assert np.linalg.norm(to_world(there, middle.numpy()) - truth) < limit * max(*old, *new)
    volume = [float(c.label.sum() * np.prod(c.spacing_mm)) for c in (case, there)]
    assert volume[0] == pytest.approx(volume[1], rel=0.08)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_the_own_spacing_changes_nothing(interpolation):
    case = ball((1.0, 1.5, 2.0), centre=(12, 13, 11))
    same = resample(case, (1.0, 1.5, 2.0), interpolation=interpolation)
    assert torch.allclose(same.image, case.image, atol=1e-6)
    assert torch.equal(same.label, case.label) and np.allclose(same.affine, case.affine)


def test_a_ramp_stays_a_ramp_in_mm():
    """Brightness is the first world axis: after resampling every inner voxel still shows its own place."""
    case = ball((2.0, 2.0, 2.0), centre=(12, 13, 11))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in case.shape), indexing="ij"), -1)
    ramp = (index @ case.affine[:3, :3].T + case.affine[:3, 3])[..., 0]
    case = case.with_(image=torch.from_numpy(ramp).float()[None])
    for new, limit in (((1.0, 0.9, 1.3), 1e-3), ((3.1, 2.0, 4.4), 0.15)):
        there = resample(case, new)
        index = np.stack(np.meshgrid(*(np.arange(n) for n in there.shape), indexing="ij"), -1)
        place = (index @ there.affine[:3, :3].T + there.affine[:3, 3])[..., 0]
        inner = tuple(slice(3, -3) if n > 8 else slice(2, -2) for n in there.shape)
        assert np.allclose(there.image[0].numpy()[inner], place[inner], rtol=0, atol=limit)


def test_shrinking_averages_and_does_not_alias():
    # Every fifth column is a centre of the coarse grid and has the same colour.
    stripes = (torch.arange(65) % 2).float().expand(1, 65, 65).contiguous()
    case = Case(stripes, None, (1.0, 1.0), np.eye(4), "stripes", "stripes")
    inner = resample(case, (5.0, 5.0)).image[0, 2:-2, 2:-2]
    assert torch.allclose(inner, torch.full_like(inner, 0.5), atol=0.02)


def test_labels_of_several_classes_and_ignored_voxels_survive_and_no_class_is_invented():
    label = torch.zeros(20, 20, dtype=torch.int64)
    label[:, 7:14], label[:, 14:], label[:5] = 4, 2, IGNORE
    case = Case(torch.zeros(1, 20, 20), label, (1.0, 1.0), np.eye(4), "l", "l", tuple("abcde"))
    for new in ((0.4, 0.4), (1.7, 1.7), (0.9, 2.0)):
        there = resample(case, new)
        assert set(there.label.unique().tolist()) == {IGNORE, 0, 2, 4}
        share = (there.label == 4).float().mean()
        assert float(share) == pytest.approx(0.75 * 0.35, abs=0.06)


def test_resize_keeps_the_extent_with_and_without_spacing():
    case = ball((1.0, 1.5, 2.0), centre=(12, 13, 11))
    there = resize(case, (12, 13, 44)).validate()
    assert there.shape == (12, 13, 44)
    extent = [np.multiply(c.shape, c.spacing_mm) for c in (case, there)]
    assert np.allclose(*extent)
    corner = [to_world(c, (-0.5, -0.5, -0.5)) for c in (case, there)]
    assert np.allclose(*corner)
    lost = resize(case.with_(spacing_mm=None, affine=np.eye(4)), (12, 13, 44))
    assert lost.spacing_mm is None and torch.equal(lost.image, there.image)


def test_cubic_is_closer_than_linear_on_a_smooth_image():
    wave = torch.sin(torch.arange(40.0) / 3)[None, :, None].expand(1, 40, 4).contiguous()
    case = Case(wave, None, (1.0, 1.0), np.eye(4), "wave", "wave")
    truth = torch.sin(((torch.arange(80.0) - 39.5) / 2 + 19.5) / 3)
    errors = {
        kind: (resample(case, (0.5, 1.0), interpolation=kind).image[0, :, 0] - truth)[8:-8].abs().max()
        for kind in ("linear", "cubic")
    }
    assert errors["cubic"] < 0.3 * errors["linear"]


def test_impossible_grids_are_refused():
    case = ball((1.0, 1.5, 2.0), centre=(12, 13, 11))
    with pytest.raises(DataError, match="use resize"):
        resample(case.with_(spacing_mm=None), (1.0, 1.0, 1.0))
    for spacing in ((1.0, 1.0), (1.0, 1.0, 0.0)):
        with pytest.raises(ConfigError, match="3 positive numbers"):
            resample(case, spacing)
    with pytest.raises(ConfigError, match="3 positive numbers"):
        resize(case, (4, 0, 4))
    with pytest.raises(ConfigError, match="did you mean 'linear'"):
        resample(case, (1.0, 1.0, 1.0), interpolation="liner")
