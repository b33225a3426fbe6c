"""Prepare cases that are in memory: phantoms, or what a user has read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from segkit.data.case import Case
from segkit.data.dataset import Licence, Source
from segkit.data.prepared.about import About
from segkit.data.prepared.building import build
from segkit.data.prepared.layout import Settings, Spacing
from segkit.data.prepared.scan import from_case
from segkit.data.splitting import Split
from segkit.errors import DataError

_PLAIN = (str, int, float, bool, type(None))

COMPUTED = Licence("none", "Images that were computed; there are no terms.", "")


def prepare_list(
    cases: Sequence[Case],
    out: str | Path,
    *,
    name: str,
    modality: str = "mr",
    spacing: Spacing | None = None,
    size: tuple[int, int] | None = None,
    split: Split | None = None,
    title: str | None = None,
    licence: Licence = COMPUTED,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> Path:
    """Prepare cases that are in memory, in the form of a data set.

    Args:
        cases: with ids of their own, equal classes and channels.
        out: folder of the prepared set.
        name: of the set.
        modality: `"ct"` keeps HU; any other gets z-scores.
        spacing: voxel size in mm along the RAS axes of 3-D cases; None keeps what is there.
        size: shape of 2-D cases; None keeps what is there.
        split: parts; None draws one from the names of the groups.
        title: full name; by default the name.
        licence: terms of use.
        say: receives lines for the user.

    Returns:
        The folder, for `open_prepared`.

    Raises:
        DataError: there are no cases; a case is not what it should be; the folder cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from segkit.data import open_prepared, phantoms
        >>> with TemporaryDirectory() as folder:
        ...     cases = phantoms("hippocampus", 4)
        ...     prepared = open_prepared(prepare_list(cases, folder, name="phantoms", say=lambda line: None))
        ...     len(prepared.cases("train")), prepared.cases()[0].read().shape == cases[0].image.shape
        (3, True)
    """
    by_id = {case.id: case for case in cases}
    if not cases or any(case.classes != cases[0].classes for case in cases):
        raise DataError(f"{name}: cases must be given, and have one list of classes")
    channels = tuple(f"channel {k}" for k in range(len(cases[0].image)))
    about = About(
        name,
        title or name,
        cases[0].classes,
        channels,
        licence,
        (),
        "memory",
        Settings(modality, spacing, size),
    )
    sources = [Source(case.id, case.group, (), _facts(case)) for case in cases]
    return build(about, sources, lambda source: from_case(by_id[source.id]), Path(out), split=split, say=say)


def _facts(case: Case) -> dict[str, object]:
    """What of a case's `meta` goes into its record: words and numbers, no voxelwise maps."""
    return {key: value for key, value in case.meta.items() if isinstance(value, _PLAIN)}
