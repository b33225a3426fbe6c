"""An experiment in one small file: carry it to another machine, and bring the records back."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segkit.data.files import replacing
from segkit.data.packing import pack_cases, unpack_cases
from segkit.data.splitting import PARTS, Split
from segkit.errors import DataError
from segkit.experiments.machine import source_commit
from segkit.experiments.plan import Plan
from segkit.experiments.prepared import Prepared, prepare
from segkit.experiments.records import append_records, read_records, results_folder

_CASES, _FACTS = "cases.bin", "experiment.json"


def pack(plan: Plan, path: Path | str, *, prepared: Prepared | None = None) -> Path:
    """Write the prepared data of a plan, its split and its name to one file.

    The other machine needs `segkit` of the same commit and this file, no data set. Its records say the
    commit and the hash of the data, and `merge_records` refuses those that do not belong.

    Args:
        plan: the experiment.
        path: the file; it is there whole or not at all.
        prepared: the data, where they are at hand; None to prepare them.

    Returns:
        The path.
    """
    path = Path(path)
    prepared = prepared or prepare(plan)
    facts = {
        "plan": plan.name,
        "data": prepared.digest,
        "source": dict(source_commit()),
        "split": {"seed": prepared.split.seed, **{part: getattr(prepared.split, part) for part in PARTS}},
    }
    with replacing(path) as whole, tempfile.TemporaryDirectory(dir=path.parent, prefix=".segkit-") as folder:
        cases = pack_cases(prepared.cases, Path(folder) / _CASES)
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:  # the cases are compressed already
            archive.writestr(_FACTS, json.dumps(facts))
            archive.write(cases, _CASES)
    return path


def unpack(path: Path | str) -> tuple[str, Prepared]:
    """The name of the plan and its prepared data.

    Raises:
        DataError: the file is damaged, is no packed experiment, or holds other cases than it says.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory(prefix="segkit-") as folder:
            facts: Mapping[str, Any] = json.loads(archive.read(_FACTS))
            cases = unpack_cases(archive.extract(_CASES, folder))
    except FileNotFoundError as error:
        raise DataError(
            f"{path} does not exist: give the file that `segkit experiment pack` wrote"
        ) from error
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise DataError(f"{path} is damaged or no packed experiment ({error}): pack it again") from error
    parts = {part: tuple(facts["split"][part]) for part in PARTS}
    split = Split(**parts, seed=facts["split"]["seed"])
    prepared = Prepared(tuple(cases), split, facts["source"])
    if prepared.digest != facts["data"]:
        raise DataError(f"{path} holds other images or labels than it says: pack it again")
    return facts["plan"], prepared


def merge_records(*sources: Path | str, out: Path | str | None = None) -> dict[str, int]:
    """Add records that were made elsewhere to those of the project.

    Args:
        sources: files or folders of records.
        out: the folder of results; None for `results_folder()`.

    Returns:
        `<slug>/<experiment>` → how many of its runs were new.

    Raises:
        DataError: records of other data, of another split, or of another version of the plan; or no whole
            record at all.
    """
    folder = Path(out) if out else results_folder()
    by_name: dict[str, list[dict[str, Any]]] = {}
    for record in read_records(*sources):
        by_name.setdefault(f"{record['slug']}/{record['experiment']}", []).append(record)
    if not by_name:
        given = ", ".join(map(str, sources))
        raise DataError(f"there is no whole run record in {given}: were they cut off on their way?")
    return {
        name: append_records(folder / f"{name}.jsonl", records) for name, records in sorted(by_name.items())
    }
