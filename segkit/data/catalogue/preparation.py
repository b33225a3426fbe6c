"""Prepare a data set of the catalogue: find its files, or fetch them, and bring them to the common form."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from segkit.data.catalogue.full_set import FullSet
from segkit.data.catalogue.listing import full_set
from segkit.data.catalogue.originals import obtain, opened
from segkit.data.prepared.about import about
from segkit.data.prepared.building import build
from segkit.data.prepared.layout import Spacing
from segkit.data.prepared.opening import prepared_folder
from segkit.errors import ConfigError

Spacings = Literal["native"] | Spacing | None


def prepare_cases(
    name: str,
    *,
    root: str | Path | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
    spacing: Spacings = None,
    skip_bad: bool = False,
    unlabelled: bool = False,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> Path:
    """Prepare a data set of the catalogue for training at full size.

    Licence and citations are shown first. The originals are looked for below `$SEGKIT_DATA`, then in the
    cache, and are downloaded otherwise, where the licence allows it. Cases that are prepared already are not
    prepared again, so a call that was stopped goes on where it was.

    Args:
        name: a name of `CATALOGUE`.
        root: archive or folder with the originals, in place of the places above. A folder is read where it
            lies; an archive is unpacked for the time of the preparation.
        out: folder for the prepared set; by default `prepared/<name>` in the cache.
        jobs: processes; each holds one case in memory.
        spacing: voxel size in mm along the RAS axes of 3-D cases, None in it keeping an axis; `"native"`
            keeps that of every file; None takes what the catalogue says.
        skip_bad: leave out cases that cannot be read, and list them in `dataset.json`.
        unlabelled: prepare images whose labels were never published as well, for training without labels.
        say: receives lines for the user; standard error by default.

    Returns:
        The folder, for `open_prepared`.

    Raises:
        ConfigError: the name is unknown, or a number is out of its range.
        NotAvailable: the originals could not be downloaded or their source asks for registration.
        DataError: a case is bad and `skip_bad` is off; the disk is full; a process died; the folder was
            prepared with other settings. Finished cases stay.
    """
    entry = full_set(name)
    settings = replace(entry.settings, spacing_mm=_spacing(entry, spacing))
    folder = prepared_folder(name) if out is None else Path(out)
    say(entry.notice())

    def make(found: Path) -> Path:
        told = about(entry, entry.channels, settings)
        sources = entry.find(found) + (entry.find_unlabelled(found) if unlabelled else [])
        return build(told, sources, entry.read, folder, jobs=jobs, skip_bad=skip_bad, say=say)

    if root is None:
        return make(obtain(entry, say))
    with opened(entry, Path(root), folder) as found:
        return make(found)


def _spacing(entry: FullSet, wanted: Spacings) -> Spacing | None:
    if wanted is None:
        return entry.settings.spacing_mm
    if wanted == "native":
        return None
    if len(wanted) != 3 or not all(s is None or s > 0 for s in wanted):
        raise ConfigError(f"spacing must be three positive numbers in mm, got {wanted}")
    return tuple(wanted)
