"""Run records on disk: one line of JSON per finished run, appended whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from filelock import FileLock

from segkit.data.files import writing
from segkit.errors import ConfigError, DataError

Record = dict[str, Any]
"""One run, as `record.schema.json` describes it."""


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def results_folder() -> Path:
    """`book/results` of the project that the working directory belongs to, or `runs` outside of any."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "_toc.yml").exists() and (folder / "book").is_dir():
            return folder / "book" / "results"
    return here / "runs"


def record_key(record: Record) -> str:
    """Which run it is. Two records with one key are the same run."""
    names = ("slug", "experiment", "dataset", "part", "arm", "draw", "setting")
    return canonical([record[name] for name in names])


def validate_record(record: Record) -> None:
    """Raise a `DataError` that names the first place where a record departs from the schema."""
    error = next(iter(_validator().iter_errors(record)), None)
    if error is not None:
        where = ".".join(map(str, error.absolute_path)) or "the record"
        raise DataError(f"not a run record: {where}: {error.message[:200]}")
    evaluation = record["evaluation"]
    shape = len(evaluation["cases"]), len(evaluation["classes"])
    for metric, rows in evaluation["metrics"].items():
        if len(rows) != shape[0] or any(len(row) != shape[1] for row in rows):
            wanted = f"{shape[0]} × {shape[1]} values"
            raise DataError(f"not a run record: evaluation.metrics.{metric} must hold {wanted}")


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    schema = files("segkit.experiments").joinpath("record.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(schema))


def read_records(*sources: Path | str) -> list[Record]:
    """The records of files, of the `.jsonl` files of folders, or of a chapter in `results_folder()`.

    Args:
        sources: a file, a folder, `<slug>` or `<slug>/<experiment>`.

    Returns:
        Records in the order of their lines. A last line without an end is that of a run which was killed
        while it wrote; it is left out.

    Raises:
        DataError: a line is not JSON or not a record.
        ConfigError: there is nothing under that name.
    """
    return [record for source in sources for file in _files(source) for record in _read_file(file)]


def _files(source: Path | str) -> list[Path]:
    for path in (Path(source), results_folder() / source, results_folder() / f"{source}.jsonl"):
        if path.is_dir():
            return sorted(path.glob("*.jsonl"))
        if path.is_file():
            return [path]
    raise ConfigError(
        f"no run records under {str(source)!r}: give a file, a folder, or a <slug>/<experiment> that was run"
    )


def _read_file(file: Path, *, validate: bool = True) -> Iterator[Record]:
    *lines, _cut_off = file.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            if validate:
                validate_record(record)
        except ValueError as error:
            raise DataError(f"{file.name}, line {number}: {error}") from error
        yield record


def append_records(path: Path, records: Iterable[Record]) -> int:
    """Add records that are not there yet, each as one line, and return how many were added.

    Several processes may append to one file: a lock is held while one looks and writes. What a killed
    process left of a line is cut off first.

    Raises:
        DataError: a record does not validate, the file holds runs of another origin, or cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path), _lock(path), path.open("a+b") as file:
        _cut_off_half_line(file)
        known = {record_key(record): record for record in _read_file(path, validate=False)}
        added = 0
        for record in records:
            validate_record(record)
            require_same_origin(known.values(), record, path)
            if record_key(record) not in known:
                file.write(json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n")
                known[record_key(record)] = record
                added += 1
        file.flush()
        os.fsync(file.fileno())
    return added


def require_same_origin(known: Iterable[Record], new: Record, path: Path) -> None:
    """Refuse to mix a run with those of other data, or of another version of the plan for the same arm.

    Args:
        known: what the file holds.
        new: a record, or as much of one as is known before the run: what names it and its origin.
        path: the file, for the message.
    """
    whose = {"data": ("dataset",), "split": ("dataset",), "plan": ("slug", "experiment", "arm")}
    for there in known:
        for name, alike in whose.items():
            if there[name] != new[name] and all(there[key] == new[key] for key in alike):
                what = {
                    "data": "other prepared data",
                    "split": "another split",
                    "plan": "another version of the plan",
                }
                raise DataError(
                    f"{path.name} holds runs of {what[name]} ({there[name]} there, {new[name]} here): "
                    "write to another file, or delete that one and run all of it again"
                )


def _cut_off_half_line(file: Any) -> None:
    """Truncate to the last end of a line. The file is open for reading and appending."""
    file.seek(0)
    content = file.read()
    file.truncate(content.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)


def _lock(path: Path) -> FileLock:
    """A lock that lies outside of the results, so that no lock file is ever committed."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"segkit-{digest}.lock")
