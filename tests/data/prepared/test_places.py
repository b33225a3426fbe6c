import numpy as np
import pytest
import torch

from segkit.data.prepared import places as module
from segkit.data.prepared.places import StoredIndex, places
from segkit.data.sampling import ForegroundIndex


@pytest.mark.parametrize("most", [4096, 5])
def test_stored_places_are_those_of_the_index(monkeypatch, most):
    monkeypatch.setattr(module, "MOST", most)
    monkeypatch.setattr("segkit.data.sampling.MOST", most)
    label = np.random.default_rng(0).integers(-1, 4, (70, 6, 5)).astype(np.int8)
    found = places(label)
    index = ForegroundIndex(torch.from_numpy(label))
    assert found[:, 0].tolist() == [k for k, v in enumerate(index.voxels, 1) for _ in v]
    assert (found[:, 1] == np.concatenate(index.voxels)).all()
    stored = StoredIndex(found, label.shape, before=(0, 0, 0), padded=label.shape)
    assert all((a == b).all() for a, b in zip(stored.voxels, index.voxels, strict=True))


def test_places_move_along_with_padding():
    label = np.zeros((3, 4), dtype=np.int8)
    label[1, 2] = 1
    stored = StoredIndex(places(label), (3, 4), before=(2, 1), padded=(8, 6))
    assert stored.draw(np.random.default_rng(0)) == (3, 3)


def test_a_label_without_structures_has_no_places():
    empty = places(np.full((4, 4, 4), -1, dtype=np.int8))
    assert empty.shape == (0, 2)
    assert (
        StoredIndex(empty, (4, 4, 4), before=(0,) * 3, padded=(4, 4, 4)).draw(np.random.default_rng(0))
        is None
    )
