"""SHA256SUMS files: write them, check them, and make one hash of a whole data folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import file_digest, sha256
from pathlib import Path

from segkit.data.files import replacing
from segkit.errors import DataError

SUMS = "SHA256SUMS"


def manifest_hash(root: Path | None = None) -> str:
    """A short name for the state of the data: equal states give equal hashes on every machine.

    Where a folder has a SHA256SUMS, its lines stand for everything below the folder; elsewhere names and
    sizes do. Times of modification and the place of the folder do not count.

    Args:
        root: a data folder; None for the named data sets that `load` would find now.

    Returns:
        64 hexadecimal digits.

    Raises:
        DataError: the folder does not exist, or `SEGKIT_DATA` points to no folder.
    """
    if root is not None:
        return _digest(_lines(Path(root), ""))
    from segkit.data.locations import locate
    from segkit.data.registry import DATASETS

    found = {name: folder for name in sorted(DATASETS) if (folder := locate(name)) is not None}
    return _digest(line for name, folder in found.items() for line in (name, *_lines(folder, "")))


def _digest(lines: Iterable[str]) -> str:
    return sha256("\n".join(lines).encode()).hexdigest()


def _lines(folder: Path, prefix: str) -> Iterator[str]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder, so it has no manifest: give a data folder")
    if (sums := folder / SUMS).is_file():
        yield f"{prefix}{SUMS}"
        yield from sorted(sums.read_text().splitlines())
        return
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.is_dir():
            yield from _lines(path, f"{prefix}{path.name}/")
        else:
            yield f"{prefix}{path.name} {path.stat().st_size}"


def write_sums(root: Path, paths: Iterable[Path]) -> None:
    """Write SHA256SUMS for files below `root`, in the format of `sha256sum`."""
    lines = (f"{_sha256(path)}  {path.relative_to(root).as_posix()}" for path in sorted(set(paths)))
    text = "\n".join(lines) + "\n"
    with replacing(root / SUMS) as temporary:
        temporary.write_text(text)


def check_sums(root: Path) -> int:
    """Hold every file that SHA256SUMS lists against its sum.

    Returns:
        How many files were checked; 0 where there is no SHA256SUMS.

    Raises:
        DataError: a file is missing or differs; the message counts them and names the first.
    """
    if not (root / SUMS).is_file():
        return 0
    rows = [line.split(maxsplit=1) for line in (root / SUMS).read_text().splitlines() if line.strip()]
    wrong = [name for expected, name in rows if _sha256(root / name.lstrip("*")) != expected]
    if wrong:
        raise DataError(
            f"{len(wrong)} of {len(rows)} files below {root} are missing or differ from {SUMS} (first "
            f"{wrong[0]}): fetch the set again"
        )
    return len(rows)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
