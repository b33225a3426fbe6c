from __future__ import annotations

from importlib import import_module

import pytest

from segkit.errors import ConfigError
from segkit.exercises import chapters, exercise, exercises
from segkit.exercises.registry import find


@pytest.mark.parametrize("slug", chapters())
def test_every_chapter_registers_its_own_exercises(slug):
    tasks = exercises(slug)
    assert 4 <= len(tasks) <= 7
    assert all(name.startswith(f"{slug}.") for name in tasks)
    assert all(task.name == name and task.start.endswith((".", "?")) for name, task in tasks.items())


def test_the_machinery_is_no_chapter():
    for name in ("registry", "judging", "checking", "stubs", "auditing", "by_hand"):
        import_module(f"segkit.exercises.{name}")
        assert name not in chapters()


def test_unknown_names_get_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'unet'"):
        find("unets.soft_dice")
    with pytest.raises(ConfigError, match=r"did you mean 'unet.soft_dice'"):
        find("unet.softdice")


def test_a_name_is_given_once(tiny):
    with pytest.raises(ConfigError, match="two exercises"):
        exercise(tiny.name, kind="derive", minutes=1, start=".", wrong={})(lambda answer: None)


def test_the_badge_tells_kind_time_and_machine(tiny):
    assert tiny.badge == "Implement · 5 minutes · no GPU"
