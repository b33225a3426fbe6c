"""Which exercises there are. A chapter's checks are loaded when the first of them is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal

import segkit.exercises
from segkit.errors import ConfigError, unknown_name

Kind = Literal["derive", "implement", "measure", "criticise"]

# Modules of this package that are no chapters.
_MACHINERY = {"auditing", "by_hand", "checking", "judging", "parts", "registry", "stubs"}

_BY_CHAPTER: dict[str, dict[str, Exercise]] = {}


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that readers give.

    Attributes:
        answer: what they would pass to `check`.
        hint: what the check then says, or a part of it that no other hint has.
    """

    answer: Any
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        name: "<slug of the chapter>.<exercise>".
        kind: what the reader does.
        minutes: how long it takes somebody who has read the chapter.
        start: how to begin; what the check says as long as nothing is answered.
        judge: takes the answer and raises `segkit.exercises.judging.Hint` where it is wrong.
        wrong: typical wrong answers by name; the tests see each of them fail with its own hint.
        gpu: whether a GPU is needed.
    """

    name: str
    kind: Kind
    minutes: int
    start: str
    judge: Callable[[Any], None]
    wrong: Mapping[str, Wrong] = field(default_factory=dict)
    gpu: bool = False

    @property
    def badge(self) -> str:
        """The line that stands under the exercise's heading in the notebook.

        Example:
            >>> exercises("unet")["unet.softmax_gradient"].badge
            'Derive · 10 minutes · no GPU'
        """
        return f"{self.kind.capitalize()} · {self.minutes} minutes · {'GPU' if self.gpu else 'no GPU'}"


def exercise(
    name: str,
    *,
    kind: Kind,
    minutes: int,
    start: str,
    wrong: Mapping[str, Wrong],
    gpu: bool = False,
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Register the decorated function as the check of an exercise. The arguments are those of `Exercise`."""

    def register(judge: Callable[[Any], None]) -> Callable[[Any], None]:
        chapter = _BY_CHAPTER.setdefault(name.partition(".")[0], {})
        if name in chapter:
            raise ConfigError(f"two exercises are called {name!r}")
        chapter[name] = Exercise(name, kind, minutes, start, judge, wrong, gpu)
        return judge

    return register


def chapters() -> list[str]:
    """Slugs of the chapters that have exercises.

    Example:
        >>> {"physical_space", "unet", "measuring"} <= set(chapters())
        True
    """
    return [m.name for m in iter_modules(segkit.exercises.__path__) if m.name not in _MACHINERY]


def exercises(slug: str) -> dict[str, Exercise]:
    """The exercises of a chapter by their full name, in the order in which they are declared.

    Raises:
        ConfigError: for a chapter that has none.
    """
    if slug not in chapters():
        raise unknown_name("chapter with exercises", slug, chapters())
    import_module(f"segkit.exercises.{slug}")
    return dict(_BY_CHAPTER.get(slug, {}))


def find(name: str) -> Exercise:
    """The exercise of a full name.

    Raises:
        ConfigError: for a name that does not exist, with the nearest one that does.
    """
    known = exercises(name.partition(".")[0])
    if name not in known:
        raise unknown_name("exercise", name, known)
    return known[name]
