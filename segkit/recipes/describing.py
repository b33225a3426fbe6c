"""What the settings files of the recipes say, as rows: name, meaning and source, value at every scale."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any, NamedTuple

from segkit.errors import unknown_name
from segkit.recipes import RECIPES
from segkit.recipes.settings import Section, read_settings
from segkit.train import SCALES

_LINE = re.compile(r"^(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*)(?:#\s*(?P<said>.*))?$")
_MORE = re.compile(r"^\s+#\s*(?P<said>.*)$")


class Setting(NamedTuple):
    """One setting of a recipe.

    Attributes:
        name: dotted, as `--set` takes it.
        said: its meaning, unit and source, as the file says it.
        values: scale → value.
    """

    name: str
    said: str
    values: dict[str, Any]


def describe_settings(recipe: str) -> list[Setting]:
    """The settings that the file of a recipe names, in its order; those of its `base` are not repeated.

    Args:
        recipe: name of a recipe.

    Raises:
        ConfigError: an unknown recipe.

    Example:
        >>> lr = next(s for s in describe_settings("supervised") if s.name == "training.lr")
        >>> lr.said, lr.values["full"]
        ('at schedule factor 1 [n]', 0.01)
    """
    if recipe not in RECIPES:
        raise unknown_name("recipe", recipe, RECIPES)
    text = files("segkit.recipes").joinpath(f"{recipe}.yaml").read_text("utf-8")
    scales = {scale: read_settings(recipe, scale=scale) for scale in reversed(SCALES)}
    return [
        Setting(name, said, {scale: _at(settings, name) for scale, settings in scales.items()})
        for name, said in _comments(text.split("\nscales:")[0].split("\nsettings:\n")[1]).items()
    ]


def _comments(text: str) -> dict[str, str]:
    """Dotted name → comment, of every line with a value; a line of comment alone goes on with the last."""
    found: dict[str, str] = {}
    sections: list[tuple[int, str]] = []
    last = ""
    for line in text.splitlines():
        if more := _MORE.match(line):
            if last:
                found[last] = f"{found[last]} {more['said']}".strip()
            continue
        if not (match := _LINE.match(line)):
            continue
        indent = len(match["indent"])
        sections = [each for each in sections if each[0] < indent]
        last = ".".join([*(key for _, key in sections), match["key"]])
        sections.append((indent, match["key"]))
        if match["value"].strip():
            found[last] = (match["said"] or "").strip()
        else:
            last = ""
    return found


def _at(settings: Section, name: str) -> Any:
    value: Any = settings
    for key in name.split("."):
        value = value[key]
    return dict(value) if isinstance(value, Section) else value
