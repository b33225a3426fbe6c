"""The benchmark of this room: its rows, and that each library makes the views that ours makes."""

from __future__ import annotations

import pytest

from segkit.bench import local_ssl as bench
from segkit.commands.bench import bench_names
from tests.local_ssl.small import cases


@pytest.fixture(scope="module")
def rows():
    return bench.run(quick=True)


def test_the_command_finds_it():
    assert "local_ssl" in bench_names()


def test_every_target_of_the_step_has_a_row(rows):
    steps = [row for row in rows if "PGL step" in (row["operation"], row["peer"])]
    assert [row["target"] for row in steps] == [1.10, 2.3, 0.05, 0.05]
    step = steps[0]["ours_ms"]
    assert all(step in (row["ours_ms"], row["peer_ms"]) for row in steps)
    assert all(row["ratio"] == row["ours_ms"] / row["peer_ms"] for row in rows)


def test_views_are_timed_beside_both_libraries_on_both_sizes(rows):
    views = [row for row in rows if row["operation"].startswith("8 views")]
    assert [row["peer"] for row in views] == ["monai RandAffine", "torchio RandomAffine"] * 2
    assert len({row["size"] for row in views}) == 2
    assert all(row["target"] == pytest.approx(1 / 3) for row in views)


def test_the_peers_make_views_of_the_same_shape():
    some = cases(2)
    view = (8, 12, 8)
    assert bench._from_monai(some, bench._monai(some[0].shape, view)).shape == (8, 1, *view)
    assert bench._from_torchio(*bench._torchio(some, view)).shape == (8, 1, *view)
