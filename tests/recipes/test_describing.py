"""Every setting of every recipe says what it is, in the file where it stands."""

from __future__ import annotations

import pytest

from segkit.errors import ConfigError
from segkit.recipes import RECIPES
from segkit.recipes.describing import describe_settings
from segkit.train import SCALES


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_setting_has_a_meaning_and_a_value_at_every_scale(recipe):
    settings = describe_settings(recipe)
    assert [setting.name for setting in settings if len(setting.said) < 3] == []
    assert all(set(setting.values) == set(SCALES) for setting in settings)
    assert len({setting.name for setting in settings}) == len(settings)


def test_a_comment_over_several_lines_is_read_whole():
    found = {setting.name: setting.said for setting in describe_settings("supervised")}
    assert found["data.fold"].endswith("with its validation and test part")
    assert found["seed"] == "of weights, batches and augmentation"
    assert "seed" in found and not any(name in found for name in ("data", "training"))


def test_an_unknown_recipe():
    with pytest.raises(ConfigError, match="did you mean 'supervised'"):
        describe_settings("supervise")
