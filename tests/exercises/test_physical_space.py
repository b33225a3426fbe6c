"""Answers to the exercises on physical space that need not look like ours."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch

from segkit.exercises import check


def test_voxel_to_mm_as_nibabel_does_it():
    assert check("physical_space.voxel_to_mm", lambda index, affine: nib.affines.apply_affine(affine, index))


def test_flipped_affine_by_moving_the_origin():
    def answer(affine, axis, n):
        out = affine.copy()
        out[:3, 3] += (n - 1) * affine[:3, axis]
        out[:3, axis] *= -1
        return out

    assert check("physical_space.flipped_affine", answer)


def test_volume_with_a_tensor():
    def answer(label, value, spacing_mm):
        return (torch.as_tensor(label) == value).sum() * spacing_mm[0] * spacing_mm[1] * spacing_mm[2] / 1e3

    assert check("physical_space.volume_ml", answer)


def test_window_by_interpolation():
    def answer(hu, level, width):
        return np.interp(hu, [level - width / 2, level + width / 2], [0, 1])

    assert check("physical_space.window", answer)


@pytest.mark.parametrize("answer", ["A, D", {"a", "d"}, ["D", "A"]])
def test_recipes_in_any_writing(answer):
    assert check("physical_space.label_resampling", answer)


def test_split_with_a_list_of_names():
    def answer(groups, n_test, seed):
        chosen = set(np.random.default_rng(seed).choice(sorted(set(groups)), n_test, replace=False))
        return [group in chosen for group in groups]

    assert check("physical_space.split_by_patient", answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda groups, n_test, seed: [True], "One truth value per slice"),
        (lambda groups, n_test, seed: np.isin(groups, groups[:1]), "not 1: `n_test` counts patients"),
    ],
)
def test_split_of_another_size(answer, hint):
    assert hint in check("physical_space.split_by_patient", answer).hint
