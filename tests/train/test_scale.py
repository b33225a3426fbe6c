from __future__ import annotations

import pytest

from segkit.errors import ConfigError
from segkit.train import SCALES, Scale


def test_scales_grow():
    sizes = [SCALES[name].iterations for name in ("toy", "laptop", "colab", "full")]
    assert sizes == sorted(sizes)
    assert all(scale.name == name for name, scale in SCALES.items())


def test_settings_of_your_own():
    scale = Scale.named("toy", iterations=7, patch=(96, 96))
    assert (scale.iterations, scale.patch, scale.batch_size) == (7, (96, 96), SCALES["toy"].batch_size)
    assert SCALES["toy"].iterations != 7


def test_the_environment_decides(monkeypatch):
    monkeypatch.delenv("SCALE", raising=False)
    assert Scale.from_env().name == "toy"
    monkeypatch.setenv("SCALE", "")
    assert Scale.from_env().name == "toy"
    monkeypatch.setenv("SCALE", "laptop")
    assert Scale.from_env(batch_size=1) == Scale.named("laptop", batch_size=1)


def test_unknown_names():
    with pytest.raises(ConfigError, match="unknown scale 'tyo': did you mean 'toy'"):
        Scale.named("tyo")
    with pytest.raises(
        ConfigError, match="unknown setting of a scale 'iteration': did you mean 'iterations'"
    ):
        Scale.named("toy", iteration=5)
