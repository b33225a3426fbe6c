"""What a run works out from its settings and the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.data import make_split, open_prepared, phantoms, prepare_list
from segkit.errors import ConfigError, DataError
from segkit.recipes.material import few_labelled, find_prepared, one_spacing
from segkit.recipes.run import Run
from segkit.recipes.settings import Section, parse_pairs, read_settings


def run_on(folder, *pairs, scale="toy"):
    changes = parse_pairs([f"data.name={folder}", *pairs])
    return Run(read_settings("supervised", scale=scale, changes=changes), None)


def test_patch_and_strides_follow_the_images(volumes):
    run = run_on(volumes, scale="full")
    assert run.geometry.patch == (24, 28, 24)
    assert run.geometry.strides == ((1, 1, 1), (2, 2, 2), (2, 2, 2))
    small = run_on(volumes, "training.patch=[8,8,8]", scale="full").geometry
    assert (small.patch, len(small.strides)) == ((8, 8, 8), 2)
    told = run_on(volumes, "network.strides=[1,2,[1,2,2]]", "network.channels=[4,8,16]").geometry
    assert told.strides == ((1, 1, 1), (2, 2, 2), (1, 2, 2))


def test_weights_are_a_function_of_the_seed(volumes):
    one, same, other = (run_on(volumes, f"seed={seed}").network().state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert any(not torch.equal(value, other[name]) for name, value in one.items())


def test_left_and_right_do_not_change_places(volumes, tmp_path):
    assert run_on(volumes, scale="full").flip_axes == (0, 1, 2)
    cases = [
        case.with_(classes=("background", "left part", "right part")) for case in phantoms("hippocampus", 4)
    ]
    split = make_split([case.group for case in cases], (2, 1, 1), seed=0)
    sided = prepare_list(cases, tmp_path / "sided", name="sided", split=split, say=lambda line: None)
    assert run_on(sided, scale="full").flip_axes == (1, 2)
    assert run_on(sided, "augmentation.flip_axes=[0]").test_flips == ()
    assert run_on(sided, scale="full").test_flips == (1, 2)
    assert run_on(volumes).flip_axes == run_on(volumes).test_flips == ()


def test_few_labelled_patients_are_nested(volumes):
    data = open_prepared(volumes)
    one, rest = few_labelled(data, 0.3, draw=0)
    two, _ = few_labelled(data, 0.6, draw=0)
    assert len(one) == 1 and len(rest) == 2
    assert {case.id for case in one} < {case.id for case in two}
    with pytest.raises(ConfigError, match="share of labelled patients"):
        few_labelled(data, 0.0, draw=0)


def test_a_box_in_mm_needs_one_voxel_size(volumes, tmp_path):
    assert one_spacing(open_prepared(volumes)) == [1.0, 1.0, 1.0]
    case = phantoms("hippocampus", 3)
    for name, spacings in {"lost": [None] * 3, "mixed": [(1.0, 1.0, s) for s in (1.0, 1.0, 1.5)]}.items():
        cases = [
            one.with_(spacing_mm=s, affine=np.diag([*(s or (1, 1, 1)), 1.0]))
            for one, s in zip(case, spacings, strict=True)
        ]
        folder = prepare_list(cases, tmp_path / name, name=name, say=lambda line: None)
        with pytest.raises(DataError, match="lost their spacing" if name == "lost" else "2 voxel sizes"):
            one_spacing(open_prepared(folder))


def test_thick_slices_without_spacing_are_not_halved_at_once(tmp_path):
    cases = phantoms("cardiac_short_axis", 3)
    turned = [
        one.with_(
            image=one.image.permute(0, 3, 2, 1),
            label=one.label.permute(2, 1, 0),
            spacing_mm=None,
            affine=np.eye(4),
        )
        for one in cases
    ]
    folder = prepare_list(turned, tmp_path / "heart", name="heart", say=lambda line: None)
    run = run_on(folder, scale="laptop")
    assert run.geometry.strides[1] == (2, 2, 1)
    assert run.augment.step.tolist() == [1.0, 1.0, 4.0]


def test_phantoms_are_prepared_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path))
    asked = Section({"name": "hippocampus", "phantoms": True, "fold": None, "folds": 5})
    first = find_prepared(asked)
    assert "12 of 12 cases done" in capsys.readouterr().err
    assert find_prepared(asked).hash == first.hash
    assert capsys.readouterr().err == ""
    assert [len(first.cases(part)) for part in ("train", "validation", "test")] == [8, 2, 2]


def test_a_set_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("SEGKIT_OFFLINE", "1")
    asked = {"phantoms": False, "fold": None, "folds": 5}
    with pytest.raises(DataError):
        find_prepared(Section({"name": "chaos", **asked}))
    with pytest.raises(ConfigError, match="did you mean 'chaos'"):
        find_prepared(Section({"name": "choas", **asked}))
