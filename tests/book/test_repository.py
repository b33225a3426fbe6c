"""What must not stand anywhere in the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.book.guards import wrong_install
from tools.toc import repository

HOME = Path(__file__).resolve().parents[2]
SUFFIXES = {
    ".md",
    ".ipynb",
    ".py",
    ".yml",
    ".yaml",
    ".toml",
    ".cff",
    ".txt",
    ".cfg",
    ".sh",
    ".js",
    ".css",
    "",
}
# Files that hold the address by derivation (`make stamp`) or name it as the source.
DERIVED = {"_config.yml", "README.md", "CITATION.cff", "pyproject.toml"}
BIGGEST, BIGGEST_RECORDS = 1_000_000, 4_000_000
"""Bytes of a file, and of the run records of one experiment: every metric of every case of every run."""


def tracked() -> list[Path]:
    """Files of the repository; in an unpacked archive, all that are not by-products."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=HOME, capture_output=True, text=True)
    if done.returncode == 0 and done.stdout:
        found = [HOME / name for name in done.stdout.split("\0") if name]
    else:
        found = [path for path in HOME.rglob("*") if not {".venv", "_build", ".git"} & set(path.parts)]
    return [path for path in found if path.is_file()]


def texts() -> list[Path]:
    return [path for path in tracked() if path.suffix in SUFFIXES]


def test_nobody_is_told_to_install_another_project() -> None:
    # The guards' own tests hold the wrong commands on purpose.
    searched = [path for path in texts() if path.name not in ("guards.py", "test_guards.py")]
    assert len(searched) > 50
    assert {
        path.name: wrong_install(path.read_text()) for path in searched if wrong_install(path.read_text())
    } == {}


def test_the_address_stands_in_one_place() -> None:
    owner = repository(HOME)[0].rsplit("/", 2)[-2]
    found = {
        path.relative_to(HOME).as_posix()
        for path in texts()
        if re.search(rf"\b{re.escape(owner)}/", path.read_text()) and "tests" not in path.parts
    }
    strangers = {name for name in found - DERIVED if not re.fullmatch(r"book/(exercises/)?\w+\.ipynb", name)}
    assert strangers == set(), "derive it with tools/stamp.py"


@pytest.mark.parametrize("pattern", [r"/home/\w+/", r"/Users/\w+/", r"/root/", r"[A-Z]:\\Users"])
def test_no_path_of_somebodys_machine(pattern: str) -> None:
    own = Path(__file__)
    assert [path.name for path in texts() if path != own and re.search(pattern, path.read_text())] == []


def test_no_big_file() -> None:
    sizes = {path: path.stat().st_size for path in tracked()}
    limits = {path: BIGGEST_RECORDS if path.suffix == ".jsonl" else BIGGEST for path in sizes}
    assert [path.name for path in sizes if sizes[path] > limits[path]] == []


def test_no_medical_image_is_committed() -> None:
    kinds = (".nii", ".nii.gz", ".h5", ".dcm", ".mha", ".nrrd")
    assert [path.name for path in tracked() if path.name.endswith(kinds)] == []
