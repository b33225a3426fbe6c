"""Packed cases come back bit by bit, from a file that is whole or not there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segkit.data import (
    IGNORE,
    Case,
    pack_cases,
    phantoms,
    slices,
    to_half_precision,
    unpack_cases,
    z_score,
)
from segkit.errors import DataError


def bits(tensor):
    return tensor.contiguous().numpy().tobytes()


def assert_same(one, other):
    assert bits(one.image) == bits(other.image) and one.image.dtype == other.image.dtype
    assert (one.label is None) == (other.label is None)
    if one.label is not None:
        assert torch.equal(one.label, other.label) and one.label.dtype == other.label.dtype
    assert one.affine.tobytes() == other.affine.tobytes()
    for name in ("id", "group", "classes", "spacing_mm"):
        assert getattr(one, name) == getattr(other, name)
    assert one.meta.keys() == other.meta.keys()
    for key, value in one.meta.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, other.meta[key]) and value.dtype == other.meta[key].dtype
        else:
            assert value == other.meta[key]


def test_cases_of_all_kinds_come_back(tmp_path):
    cases = [*phantoms("ultrasound", 1), *phantoms("ct_pelvis", 1), *slices(phantoms("hippocampus", 1)[0], 0)]
    first = cases[0]
    label = first.label.clone()
    label[:3] = IGNORE
    cases += [
        first.with_(id="bare", label=None, spacing_mm=None, affine=np.eye(4)),
        first.with_(id="ignored", label=label),
        first.with_(
            id="maps",
            meta={"mask": first.label > 0, "distance": first.image[0].double() / 3, "phase": "ED", "n": [1]},
        ),
    ]
    path = tmp_path / "any.bin"
    assert pack_cases(cases, path) == path
    back = unpack_cases(path)
    assert len(back) == len(cases)
    for one, other in zip(cases, back, strict=True):
        assert_same(one, other)
    assert [p.name for p in tmp_path.iterdir()] == ["any.bin"]


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float32,
        (1, 3, 4),
        elements=st.one_of(
            st.floats(width=32, allow_nan=False, allow_infinity=False),
            st.sampled_from([0.0, -0.0, 255.0, -1024.0, 65535.0, 2049.0, 0.1, 1e-8]),
        ),
    )
)
def test_every_bit_of_any_image_survives(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("pack") / "one"
    case = Case(torch.from_numpy(values), None, None, np.eye(4), "x", "x")
    pack_cases([case], path)
    assert bits(unpack_cases(path)[0].image) == values.tobytes()


def test_the_file_is_small(tmp_path):
    exact, half = [z_score(c) for c in phantoms("hippocampus", 2)], []
    half = [to_half_precision(c) for c in exact]
    size = [pack_cases(cases, tmp_path / "x").stat().st_size for cases in (exact, half)]
    voxels = sum(c.label.numel() for c in exact)
    assert size[1] < 0.6 * size[0] and size[1] < 2.2 * voxels
    labels = [c.with_(image=torch.zeros_like(c.image)) for c in exact]
    assert pack_cases(labels, tmp_path / "x").stat().st_size < 0.1 * voxels


def test_half_precision_is_close_and_stays_once_rounded():
    case = z_score(phantoms("hippocampus", 1)[0])
    half = to_half_precision(case)
    assert half.image.dtype == torch.float32
    assert torch.allclose(half.image, case.image, rtol=2**-11, atol=1e-7)
    assert torch.equal(to_half_precision(half).image, half.image)
    with pytest.raises(DataError, match="65504"):
        to_half_precision(case.with_(image=case.image + 1e6))


def test_no_cases_are_a_file_too(tmp_path):
    pack_cases([], tmp_path / "empty")
    assert unpack_cases(tmp_path / "empty") == []


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = pack_cases(phantoms("ultrasound", 1), tmp_path / "cases")
    whole = path.read_bytes()
    for name, content in {
        "cut": whole[: len(whole) // 2],
        "text": b"no cases",
        "empty": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="damaged or holds no packed cases"):
            unpack_cases(tmp_path / name)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(DataError, match="damaged or holds no packed cases"):
        unpack_cases(tmp_path / "other.npz")
    with pytest.raises(DataError, match="damaged or holds no packed cases"):
        unpack_cases(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        unpack_cases(tmp_path / "nothing")


def test_what_is_neither_tensor_nor_json_is_refused_and_leaves_nothing(tmp_path):
    case = phantoms("ultrasound", 1)[0]
    with pytest.raises(DataError, match="neither tensor nor JSON"):
        pack_cases([case.with_(meta={"f": object()})], tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_outlives_a_failed_packing(tmp_path, monkeypatch):
    path = pack_cases(phantoms("ultrasound", 1), tmp_path / "x")
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(DataError, match="disk is full"):
        pack_cases(phantoms("ultrasound", 1), path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
