"""Settings: every number of a recipe is named, at every scale, and nothing else can be set."""

from __future__ import annotations

import pytest
import yaml

from segkit.errors import ConfigError
from segkit.recipes import RECIPES
from segkit.recipes.settings import Section, parse_pairs, read_settings
from segkit.train import SCALES


def names(values, prefix=""):
    for key, value in values.items():
        yield from names(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_scale_has_every_setting(recipe):
    found = {scale: read_settings(recipe, scale=scale) for scale in SCALES}
    full = set(names(found["full"].plain()))
    for scale, settings in found.items():
        assert set(names(settings.plain())) == full
        assert settings.scale == scale
        assert yaml.safe_load(yaml.safe_dump(settings.plain())) == settings.plain()


def test_the_scales_differ_in_size():
    sizes = [read_settings("supervised", scale=scale).training.iterations for scale in SCALES]
    assert sizes == sorted(sizes)


def test_a_recipe_that_builds_on_another_keeps_its_settings():
    base, own = read_settings("supervised"), read_settings("loss_envelope")
    assert own.training.lr == base.training.lr
    assert own.training.batch_size != base.training.batch_size
    assert own.envelope.scope == "class"


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("training.ler=1", "unknown setting 'training.ler': did you mean 'training.lr'"),
        ("trainings.lr=1", "unknown setting 'trainings': did you mean 'training'"),
        ("training=1", "training is a section: set one of"),
        ("training.lr=fast", "training.lr is a number (0.01), not a word: got 'fast'"),
        ("network.channels=8", "network.channels is a list"),
        ("training.compile=1", "training.compile is true or false (False), not a number"),
        ("training.lr", "is no setting: write name=value"),
        ("training.lr=[1", "is no YAML"),
    ],
)
def test_what_cannot_be_set(pair, sentence):
    with pytest.raises(ConfigError) as raised:
        read_settings("supervised", changes=parse_pairs([pair]))
    assert sentence in str(raised.value)


def test_what_can_be_set():
    pairs = ["training.lr=1e-3", "training.patch=[8, 8, 8]", "training.clip=null", "data.fold=2", "seed=3"]
    found = read_settings("supervised", changes=parse_pairs(pairs))
    assert (found.training.lr, found.training.patch, found.training.clip) == (0.001, [8, 8, 8], None)
    assert (found.data.fold, found.seed, found.training.schedule) == (2, 3, "one_cycle")


def test_an_unknown_scale():
    with pytest.raises(ConfigError, match="unknown scale 'tyo': did you mean 'toy'"):
        read_settings("supervised", scale="tyo")


def test_a_section_names_what_it_lacks():
    with pytest.raises(ConfigError, match=r"unknown setting 'training\.itrations'"):
        Section({"iterations": 1}, "training").itrations  # noqa: B018
