"""Bring a data set into the cache: download or take what is at hand, verify, lay out."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from segkit.data.archive import is_archive, unpack
from segkit.data.dataset import DataSet
from segkit.data.download import fetch, record_hashes
from segkit.data.files import alone, working_folder, writing
from segkit.data.locations import cache_folder, locate, root_below
from segkit.data.manifest import check_sums, write_sums
from segkit.data.reading import read_all
from segkit.data.registry import describe
from segkit.errors import DataError, SegkitError


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def prepare(name: str, source: str | Path | None = None, *, say: Callable[[str], None] = _to_stderr) -> Path:
    """Put a data set into the cache, complete and verified, or leave the cache as it was.

    The set is laid out in a folder of its own, every case is read once, and only then the folder gets its
    name. Two processes that want the same set do not disturb each other: the second one waits and finds it
    there.

    Args:
        name: a name of `DATASETS`.
        source: an archive, or a folder in one of the set's layouts, to take instead of a download.
        say: receives lines for the user (licence, citation, progress); standard error by default.

    Returns:
        The folder of the set in the cache, with a SHA256SUMS.

    Raises:
        ConfigError: the name is unknown.
        NotAvailable: it could not be downloaded, or its source asks for registration; the message says how.
        DataError: `source` holds no case of the set, a file is damaged, the cache cannot be written.
    """
    dataset = describe(name)
    if source is None and (found := locate(name)) is not None:
        return found
    cache = cache_folder()
    home, downloads = cache / name, cache / "downloads" / name
    with alone(cache / name):
        if source is None and dataset.find(home):  # another process was faster
            return home
        with working_folder(cache / f".{name}.part") as stage:
            paths = []
            if source is None:
                paths = fetch(dataset, downloads, say)
                raw = _gather(dataset, paths, stage / "raw")
            else:
                say(dataset.notice())
                raw = _taken(Path(source), stage / "raw")
            ready = _lay_out(dataset, raw, stage / "ready", source or name)
            if paths:
                record_hashes(dataset, paths, say)
            _replace(ready, home)
        shutil.rmtree(downloads, ignore_errors=True)
    say(f"{name}: {len(dataset.find(home))} cases in {home}")
    return home


def check(name: str) -> str:
    """Hold the files of a data set against their sums and read every case.

    Returns:
        A line that says what was checked.

    Raises:
        DataError: the set is not there, a file is missing or differs, a case is not as promised.
    """
    root = locate(name)
    if root is None:
        raise DataError(f"{name} is neither below SEGKIT_DATA nor in the cache: run `segkit data get {name}`")
    sums = check_sums(root)
    cases = read_all(describe(name), describe(name).find(root))
    hashes = f"{sums} files agree with SHA256SUMS" if sums else "there is no SHA256SUMS to compare with"
    return f"{name}: {len(cases)} cases read and valid; {hashes} ({root})"


def script(name: str, arguments: Sequence[str] | None = None) -> int:
    """What every file of `data_scripts/` runs: prepare one set, or `--check` it.

    Returns:
        Exit status: 0, or 1 after one sentence on standard error.
    """
    dataset = describe(name)
    parser = argparse.ArgumentParser(description=f"Download, verify and prepare {dataset.title}.")
    parser.add_argument("--from", dest="source", metavar="PATH", help="archive or folder already at hand")
    parser.add_argument("--check", action="store_true", help="verify what is there; change nothing")
    options = parser.parse_args(arguments)
    try:
        print(check(name) if options.check else prepare(name, options.source))
    except SegkitError as error:
        _to_stderr(f"error: {error}")
        return 1
    return 0


def _gather(dataset: DataSet, paths: list[Path], raw: Path) -> Path:
    """Downloaded files as the source lays them out: the archive unpacked, loose files beside it."""
    for file, path in sorted(zip(dataset.files, paths, strict=True), key=lambda pair: not pair[0].unpack):
        if file.unpack:
            unpack(path, raw)
        else:
            _copy(path, raw / file.name)
    return raw


def _copy(path: Path, target: Path) -> None:
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _taken(source: Path, raw: Path) -> Path:
    if source.is_dir():
        return source
    if not source.exists():
        raise DataError(f"{source} does not exist: give the archive or the folder with --from")
    if not is_archive(source):
        raise DataError(
            f"{source} is neither a folder nor a zip or tar archive: give one of these with --from"
        )
    return unpack(source, raw)


def _lay_out(dataset: DataSet, raw: Path, ready: Path, told: str | Path) -> Path:
    """Copy the files that the reader uses, and nothing else, and read each case once."""
    inner = (path for path in sorted(raw.rglob("*")) if path.is_dir())
    root = next((found for base in (raw, *inner) if (found := root_below(dataset, base))), None)
    if root is None:
        raise DataError(f"{told} holds no case of {dataset.name}; its layout is {dataset.layout}")
    for path in {path for source in dataset.find(root) for path in source.paths if path.is_file()}:
        _copy(path, ready / (path.relative_to(root) if path.is_relative_to(root) else path.name))
    sources = dataset.find(ready)
    read_all(dataset, sources)  # names a file that is missing
    write_sums(ready, (path for source in sources for path in source.paths))
    return ready


def _replace(ready: Path, home: Path) -> None:
    old = ready.with_name("old")
    with writing(home):
        if home.exists():
            home.replace(old)
        ready.replace(home)
