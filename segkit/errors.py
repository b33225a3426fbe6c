"""The errors that segkit raises on purpose: one sentence that says what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SegkitError(Exception):
    """A problem that the user can mend. The command line prints its message alone, without a traceback."""


class DataError(SegkitError, ValueError):
    """An image, a label, an archive or a folder is not what it should be."""


class ConfigError(SegkitError, ValueError):
    """An option, a name or a combination of options does not exist or makes no sense."""


class CheckpointError(SegkitError, ValueError):
    """A checkpoint is missing, damaged, or belongs to another architecture."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ConfigError:
    """The error for a name that does not exist, with the nearest one that does.

    Args:
        kind: what was asked for, in the words of the user ("data set", "arm", "tap").
        name: the name that was given.
        known: every name that exists.

    Returns:
        A `ConfigError`, to be raised by the caller.

    Example:
        >>> print(unknown_name("data set", "hipocampus", ["acdc", "hippocampus"]))
        unknown data set 'hipocampus': did you mean 'hippocampus'? (known: acdc, hippocampus)
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    hint = f" did you mean {close[0]!r}?" if close else ""
    return ConfigError(f"unknown {kind} {name!r}:{hint} (known: {', '.join(names) or 'none'})")
