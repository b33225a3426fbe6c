"""Splits by group: complete, disjoint, reproducible, and protected against edits."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data import splitting
from segkit.data.locations import available, locate
from segkit.data.registry import DATASETS
from segkit.data.splitting import PARTS, Split, k_shot, load_split, make_split
from segkit.errors import ConfigError, DataError

SIZES = {
    "hippocampus": (160, 40, 60),
    "openkbp": (18, 4, 8),
    "acdc": (40, 8, 12),
    "hc18": (102, 40, 60),
    "chaos": (7, 2, 3),
}
names = st.lists(st.text("abcdef0123", min_size=1, max_size=6), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(names, st.tuples(*[st.integers(0, 9)] * 3), st.integers(0, 10**6))
def test_a_split_holds_every_group_once_whatever_the_order(groups, fractions, seed):
    if sum(fractions) == 0:
        fractions = (1, 1, 1)
    split = make_split(groups, fractions, seed)
    parts = [getattr(split, part) for part in PARTS]
    assert sorted(g for part in parts for g in part) == sorted(set(groups))
    assert make_split(list(reversed(groups)) + groups, fractions, seed) == split
    n = len(set(groups))
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - n * fraction / sum(fractions)) < 1


def test_another_seed_is_another_split_and_another_hash():
    groups = [f"g{i}" for i in range(40)]
    one, other = (make_split(groups, (2, 1, 1), seed) for seed in (0, 1))
    assert one != other and one.hash != other.hash
    assert len(one.hash) == 64


@pytest.mark.parametrize("name", SIZES)
def test_a_committed_split_is_what_its_command_makes(name):
    content = json.loads((files("segkit.data") / "splits" / f"{name}.json").read_text())
    split = load_split(name)
    groups = [g for part in PARTS for g in getattr(split, part)]
    command = content["command"].split()
    assert command[:4] == ["python", "-m", "segkit.data.splitting", name]
    seed, *fractions = (int(n) for n in command[4:])
    assert make_split(groups, fractions, seed) == split
    assert tuple(len(getattr(split, part)) for part in PARTS) == SIZES[name] == tuple(fractions)
    assert content["hash"] == split.hash and content["seed"] == split.seed == seed


@pytest.mark.parametrize("name", SIZES)
def test_a_committed_split_names_the_groups_of_the_data(name, capsys):
    split = load_split(name)
    groups = sorted(g for part in PARTS for g in getattr(split, part))
    if available(name):
        assert groups == sorted({source.group for source in DATASETS[name].find(locate(name))})
        content = (files("segkit.data") / "splits" / f"{name}.json").read_text()
        assert splitting.main(json.loads(content)["command"].split()[3:]) == 0
        assert capsys.readouterr().out == content
    else:
        assert len(groups) == len(set(groups))


def test_every_data_set_has_a_split():
    assert set(DATASETS) == set(SIZES)


def test_labelled_subsets_are_nested_and_differ_between_draws():
    split = load_split("acdc")
    subsets = [k_shot(split, k, draw=3) for k in range(1, 41)]
    for smaller, larger in pairwise(subsets):
        assert set(smaller) < set(larger)
    assert set(subsets[-1]) == set(split.train)
    assert len({k_shot(split, 2, draw=d) for d in range(10)}) > 7
    assert k_shot(split, 4, draw=1) == k_shot(split, 4, draw=1)


@pytest.mark.parametrize("k", [0, 41, -1])
def test_k_outside_the_training_part_is_refused(k):
    with pytest.raises(ConfigError, match="between 1 and the 40"):
        k_shot(load_split("acdc"), k, draw=0)


def test_a_group_in_two_parts_is_refused():
    with pytest.raises(ConfigError, match="'b' is in 'test'"):
        Split(("a", "b"), (), ("b",), seed=0)


@pytest.mark.parametrize(
    ("groups", "fractions"), [([], (1, 1, 1)), (["a"], (1, 1)), (["a"], (1, -1, 1)), (["a"], (0, 0, 0))]
)
def test_an_impossible_split_is_refused(groups, fractions):
    with pytest.raises(ConfigError):
        make_split(groups, fractions, 0)


def test_an_unknown_split_gets_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'hippocampus'"):
        load_split("hipocampus")


def test_an_edited_or_damaged_file_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "splits"
    folder.mkdir()
    content = json.loads((files("segkit.data") / "splits" / "chaos.json").read_text())
    content["train"].append(content["test"].pop())
    (folder / "edited.json").write_text(json.dumps(content))
    (folder / "cut.json").write_text(json.dumps(content)[:200])
    monkeypatch.setattr(splitting, "files", lambda _: tmp_path)
    with pytest.raises(DataError, match="somebody changed it"):
        load_split("edited")
    with pytest.raises(DataError, match="damaged"):
        load_split("cut")


def test_the_command_says_when_the_data_are_not_there(monkeypatch):
    monkeypatch.setattr("segkit.data.locations.locate", lambda name: None)
    with pytest.raises(DataError, match="segkit data get acdc"):
        splitting.main(["acdc", "2026", "40", "8", "12"])
