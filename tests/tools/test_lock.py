"""The lock pins everything that the ranges ask for, and names no machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools import lock

HOME = Path(__file__).resolve().parents[2]


def locked() -> dict[str, str]:
    lines = [line for line in lock.LOCK.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def ranges() -> list[Requirement]:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())
    texts = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    texts += [
        text
        for name in ("notebook", "book", "test")
        for text in project["project"]["optional-dependencies"][name]
    ]
    return [r for r in map(Requirement, texts) if canonicalize_name(r.name) != lock.OURS]


@pytest.mark.parametrize("requirement", ranges(), ids=lambda r: r.name)
def test_every_range_has_a_pin_inside_it(requirement: Requirement) -> None:
    version = locked().get(canonicalize_name(requirement.name))
    assert version, f"{requirement.name} is in pyproject.toml and not in the lock: run `make lock`"
    assert version in requirement.specifier


def test_the_lock_holds_pins_and_nothing_else() -> None:
    text = lock.LOCK.read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[0-9][0-9a-z.]*", line) for line in lines)
    names = [line.split("==")[0] for line in lines]
    assert names == sorted(set(names))
    assert "/" not in "".join(lines) and "@" not in text
    assert locked()["torch"] == "2.13.0"


def test_the_oldest_python_can_install_every_pin() -> None:
    """A pin made on a newer Python may ask for one: Debian 12 has 3.11.2."""
    needs = {one.metadata["Name"]: one.metadata["Requires-Python"] or "" for one in lock.found()}
    assert {name: need for name, need in needs.items() if "3.11.0" not in SpecifierSet(need)} == {}


def test_the_running_environment_is_the_locked_one() -> None:
    running = {canonicalize_name(name): version for name, version in lock.installed().items()}
    different = {
        name: (version, running[name])
        for name, version in locked().items()
        if name in running and running[name].split("+")[0] != version
    }
    assert different == {}
