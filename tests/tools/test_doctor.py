"""Each thing that can be missing is told in one sentence, before anything is installed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import doctor

HOME = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("version", [(3, 11), (3, 12, 4), (4, 0)])
def test_new_enough(version: tuple[int, ...]) -> None:
    assert doctor.python_complaint(version) is None


def test_old_python_is_named_and_so_is_the_way_out() -> None:
    complaint = doctor.python_complaint((3, 10, 1))
    assert "3.11" in complaint and "3.10" in complaint and "make PYTHON=" in complaint


def test_missing_venv_module() -> None:
    assert "python3-venv" in doctor.python_complaint((3, 12), modules=("venv", "no_such_module_here"))


def test_full_disk(tmp_path: Path) -> None:
    assert doctor.disk_complaint(tmp_path, needed_gb=0) is None
    assert "make room" in doctor.disk_complaint(tmp_path, needed_gb=1e9)


def test_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert "apt-get install chromium" in doctor.browser_complaint()
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    assert doctor.browser_complaint() is None
    assert doctor.find_browser() == str(fake)
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "elsewhere"))
    assert "elsewhere" in doctor.browser_complaint()


def test_command_line_prints_one_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "CHROMIUM": "no-such-browser"}
    done = subprocess.run(
        [sys.executable, "-m", "tools.doctor", "browser"],
        cwd=HOME,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "no-such-browser" in done.stderr


def test_unknown_check() -> None:
    assert doctor.main(["weather"]) == 2


@pytest.mark.parametrize("name", ["doctor.py", "bootstrap.py"])
def test_an_old_python_can_read_it(name: str) -> None:
    source = (HOME / "tools" / name).read_text()
    ast.parse(source, feature_version=(3, 7))
    names = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    names |= {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    outside = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert outside <= {"tools"}, "it runs before anything is installed"
