"""Installing happens once per lock, and never half."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools import bootstrap, doctor

HOME = Path(__file__).resolve().parents[2]


class Pip:
    """Stands in for the processes; fails at the command whose number is given."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        self.commands: list[list[str]] = []
        self.fails_at = fails_at

    def __call__(self, command: list[str]) -> int:
        self.commands.append(command)
        if command[1:3] == ["-m", "venv"]:
            interpreter = bootstrap.python_in(Path(command[-1]))
            interpreter.parent.mkdir(parents=True, exist_ok=True)
            interpreter.write_text("")
        return int(self.fails_at == len(self.commands))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in bootstrap.INPUTS:
        shutil.copy(HOME / name, tmp_path / name)
    return tmp_path


def test_installs_the_lock_once(clone: Path) -> None:
    venv, first, second = clone / ".venv", Pip(), Pip()
    assert bootstrap.install(clone, venv, first) is None
    assert len(first.commands) == 3
    assert str(clone / "requirements.lock") in first.commands[1]
    assert "--no-deps" in first.commands[2]
    assert bootstrap.install(clone, venv, second) is None
    assert second.commands == []


@pytest.mark.parametrize("name", bootstrap.INPUTS)
def test_a_changed_input_installs_again(clone: Path, name: str) -> None:
    assert bootstrap.install(clone, clone / ".venv", Pip()) is None
    (clone / name).write_text((clone / name).read_text() + "\n# changed\n")
    again = Pip()
    assert bootstrap.install(clone, clone / ".venv", again) is None
    assert len(again.commands) == 3


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_failed_step_is_told_and_tried_again(clone: Path, step: int) -> None:
    complaint = bootstrap.install(clone, clone / ".venv", Pip(fails_at=step))
    assert "stopped at" in complaint
    again = Pip()
    assert bootstrap.install(clone, clone / ".venv", again) is None
    assert again.commands


def test_nothing_is_started_on_an_old_python(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "python_complaint", lambda: "too old")
    pip = Pip()
    assert bootstrap.install(clone, clone / ".venv", pip) == "too old"
    assert pip.commands == []


def test_nothing_is_started_on_a_full_disk(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "disk_complaint", lambda folder: "full")
    assert bootstrap.install(clone, clone / ".venv", Pip()) == "full"
