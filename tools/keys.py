"""The key of an executed page: a hash of everything that its outputs depend on.

Jupyter Book's own cache looks at cell text and kernel name only, and would show old results after a change in
the library; that is why the book has its own.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from pathlib import Path

from tools.toc import BookError, Page

LIBRARY = "segkit"
LOCK = "requirements.lock"
RESULTS = "book/results"
RUNNER = Path(__file__).with_name("run_notebook.py")
NO_DATA = "phantom"
IGNORED_PARTS = {"__pycache__", ".ipynb_checkpoints"}


def hash_files(home: Path, files: Iterable[Path]) -> str:
    """SHA-256 over the names (relative to `home`) and contents of `files`, in sorted order."""
    digest = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(home).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Every file below `folder` that is not a by-product of running or editing; none if it does not exist."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not IGNORED_PARTS.intersection(path.parts) and path.suffix != ".pyc"
    ]


def data_manifest() -> str:
    """Hash of what the named data sets hold on this machine; "phantom" where there is none.

    Raises:
        BookError: `SEGKIT_DATA` points to no folder.
    """
    from segkit.data import DATASETS, available, manifest_hash
    from segkit.errors import DataError

    try:
        return manifest_hash() if any(available(name) for name in DATASETS) else NO_DATA
    except DataError as problem:
        raise BookError(str(problem)) from problem


def shared_parts(home: Path, *, scale: str, manifest: str) -> dict[str, str]:
    """What all pages of one build depend on, by name. `scale` and `manifest` enter as they are."""
    return {
        "library": hash_files(home, files_below(home / LIBRARY)),
        "lock": hash_files(home, [home / LOCK]),
        "data": manifest,
        "scale": scale,
        "python": platform.python_version(),
        "runner": hash_files(RUNNER.parent, [RUNNER]),
    }


def page_parts(home: Path, page: Page, shared: dict[str, str]) -> dict[str, str]:
    """All parts of one page's key: the shared ones, the notebook, and the run records that it reads.

    Those are the records of its own chapter, and of every other that it names as `"<slug>/`.
    """
    source = page.path.read_text(encoding="utf-8") if page.path.is_file() else ""
    chapters = [folder.name for folder in sorted((home / RESULTS).glob("*/"))]
    read = [slug for slug in chapters if slug == page.slug or f'"{slug}/' in source]
    records = [path for slug in read for path in files_below(home / RESULTS / slug)]
    return {"notebook": hash_files(home, [page.path]), "results": hash_files(home, records), **shared}


def changed(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Names of the parts in which two keys differ, in the order of `new`.

    >>> changed({"notebook": "a", "scale": "toy"}, {"notebook": "b", "scale": "toy"})
    ['notebook']
    """
    return [name for name in [*new, *(old.keys() - new.keys())] if old.get(name) != new.get(name)]
