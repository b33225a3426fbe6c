"""Nearest class mean and silhouette: closed forms, a loop as oracle, and what is left out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from segkit.errors import DataError
from segkit.voxel_metric import class_means, nearest_class_mean, silhouette


def rows(n: int = 40, d: int = 5, classes: int = 3):
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(n) % classes
    return torch.randn(n, d, generator=generator) + 1.5 * F.one_hot(labels, d), labels


def by_loops(embeddings: torch.Tensor, labels: torch.Tensor) -> list[float]:
    z = F.normalize(embeddings.double(), dim=1)
    found = []
    for i, y in enumerate(labels.tolist()):
        to = {
            k: [float((z[i] - z[j]).norm()) for j in range(len(z)) if labels[j] == k and j != i]
            for k in labels.unique().tolist()
        }
        if not to[y]:
            found.append(0.0)
            continue
        a = sum(to[y]) / len(to[y])
        b = min(sum(each) / len(each) for k, each in to.items() if k != y)
        found.append((b - a) / max(a, b))
    return found


def test_the_silhouette_is_that_of_loops():
    embeddings, labels = rows()
    assert silhouette(embeddings, labels).tolist() == pytest.approx(by_loops(embeddings, labels), abs=1e-5)


def test_a_row_alone_in_its_class_has_0_and_without_a_second_class_nothing_has_a_value():
    embeddings, _ = rows(5)
    labels = torch.tensor([0, 0, 0, 0, 7])
    assert silhouette(embeddings, labels).tolist() == pytest.approx(by_loops(embeddings, labels), abs=1e-5)
    assert float(silhouette(embeddings, labels)[4]) == 0
    assert silhouette(embeddings, torch.zeros(5, dtype=torch.int64)).isnan().all()


def test_ignored_rows_take_no_part():
    embeddings, labels = rows()
    labels[::4] = -1
    kept = labels >= 0
    found = silhouette(embeddings, labels)
    assert found[~kept].isnan().all()
    assert torch.allclose(found[kept], silhouette(embeddings[kept], labels[kept]))
    means = class_means(embeddings, labels, 3)
    assert torch.allclose(means, class_means(embeddings[kept], labels[kept], 3))


def test_length_and_rotation_of_the_embeddings_do_not_matter():
    embeddings, labels = rows()
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(0))).Q
    moved = (embeddings * torch.linspace(0.5, 4, len(labels))[:, None]) @ turn
    assert torch.allclose(silhouette(embeddings, labels), silhouette(moved, labels), atol=1e-5)
    before = nearest_class_mean(embeddings, class_means(embeddings, labels, 3))
    assert torch.equal(before, nearest_class_mean(moved, class_means(moved, labels, 3)))
    assert 0.5 < float((before == labels).float().mean()) <= 1


def test_a_class_without_voxels_is_never_the_nearest():
    embeddings, labels = rows(12, classes=2)
    means = class_means(embeddings, labels, 3)
    assert means[2].isnan().all() and not means[:2].isnan().any()
    assert int(nearest_class_mean(embeddings, means).max()) < 2


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(DataError, match=r"\(M, d\) with M labels, got \(3, 2\) and \(4,\)"):
        silhouette(torch.zeros(3, 2), torch.zeros(4))
