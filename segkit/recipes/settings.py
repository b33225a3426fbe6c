"""The settings of a recipe: every number from a YAML file, one scale of it, and what the user changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml

from segkit.errors import ConfigError, unknown_name
from segkit.train import SCALES

_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("true or false", (bool,)),
    ("a number", (int, float)),
    ("a list", (list,)),
    ("a section", (dict,)),
    ("a word", (str,)),
)


class Section(Mapping[str, Any]):
    """A part of the settings: read as a mapping, or by attribute.

    Args:
        values: nested dictionaries.
        name: dotted name of this part, for messages.

    Example:
        >>> settings = Section({"training": {"lr": 0.01}})
        >>> settings.training.lr, dict(settings.training)
        (0.01, {'lr': 0.01})
    """

    def __init__(self, values: Mapping[str, Any], name: str = "") -> None:
        self._values, self._name = dict(values), name

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            raise unknown_name(
                "setting", dotted(self._name, key), [dotted(self._name, k) for k in self._values]
            )
        value = self._values[key]
        return Section(value, dotted(self._name, key)) if isinstance(value, dict) else value

    def __getattr__(self, key: str) -> Any:
        if key.startswith("_"):
            raise AttributeError(key)
        return self[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def plain(self) -> dict[str, Any]:
        """The same as nested dictionaries."""
        return self._values

    def merged(self, changes: Mapping[str, Any]) -> Section:
        """These settings with others in their place.

        Raises:
            ConfigError: a setting does not exist (the nearest is named) or is of another kind.
        """
        return Section(_merged(self._values, changes, self._name), self._name)


def dotted(section: str, key: str) -> str:
    """`training.lr` of `training` and `lr`."""
    return f"{section}.{key}" if section else key


def read_settings(recipe: str, *, scale: str = "toy", changes: Mapping[str, Any] | None = None) -> Section:
    """The settings of a recipe at a scale.

    `<recipe>.yaml` names every setting with its value at scale `full`; below `scales` it says what the others
    change. A recipe with a `base` begins with the settings, and the scales, of that recipe.

    Args:
        recipe: name of a recipe.
        scale: "toy", "laptop", "colab" or "full".
        changes: settings of your own, nested, in place of these.

    Raises:
        ConfigError: the scale or a setting does not exist, or is of another kind.
    """
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    settings = Section({"recipe": recipe, "scale": scale})
    chain = _chain(recipe)
    for content in chain:
        settings = Section(_joined(settings.plain(), content["settings"]))
    for content in chain:
        settings = settings.merged(content.get("scales", {}).get(scale) or {})
    return settings.merged(changes or {})


def parse_pairs(pairs: Sequence[str]) -> dict[str, Any]:
    """`["training.lr=1e-3"]` as `{"training": {"lr": 0.001}}`.

    Raises:
        ConfigError: a word is no pair, or its value is no YAML.

    Example:
        >>> parse_pairs(["training.lr=1e-3", "network.channels=[8, 16]"])
        {'training': {'lr': 0.001}, 'network': {'channels': [8, 16]}}
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name:
            raise ConfigError(f"{pair!r} is no setting: write name=value, such as training.lr=0.001")
        try:
            value = _number(yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise ConfigError(
                f"the value of {pair!r} is no YAML: quote it, or write a list as [1,2]"
            ) from error
        *sections, key = name.split(".")
        place = found
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
    return found


def _chain(recipe: str) -> list[dict[str, Any]]:
    """The file of a recipe, those that it builds on before it."""
    content = yaml.safe_load(files("segkit.recipes").joinpath(f"{recipe}.yaml").read_text("utf-8"))
    return [*(_chain(content["base"]) if "base" in content else []), content]


def _joined(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dictionaries put together; the new one may have keys of its own."""
    out = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _joined(out[key], value) if both else value
    return out


def _merged(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> dict[str, Any]:
    out = dict(old)
    for key, value in new.items():
        full = dotted(name, key)
        if key not in out:
            raise unknown_name("setting", full, [dotted(name, each) for each in out])
        if isinstance(out[key], dict):
            if not isinstance(value, dict):
                raise ConfigError(f"{full} is a section: set one of {', '.join(map(repr, out[key]))} in it")
            out[key] = _merged(out[key], value, full)
        else:
            _check_kind(full, out[key], value)
            out[key] = value
    return out


def _check_kind(name: str, old: Any, new: Any) -> None:
    """Refuse a list for a number. What is "auto" or null may become anything, and anything may become so."""
    free = (None, "auto")
    if old in free or new in free:
        return
    kinds = [next(words for words, types in _KINDS if isinstance(each, types)) for each in (old, new)]
    if kinds[0] != kinds[1]:
        raise ConfigError(f"{name} is {kinds[0]} ({old!r}), not {kinds[1]}: got {new!r}")


def _number(value: Any) -> Any:
    """YAML takes `1e-3`, without a point, for a word."""
    if isinstance(value, list):
        return [_number(each) for each in value]
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
