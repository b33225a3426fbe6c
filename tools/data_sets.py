"""Bring the book's data sets to this machine before any notebook runs.

A page that downloads a set itself would print licence and progress into its own text, and each page would
wait for the same dead network.
"""

from __future__ import annotations

import os
from collections.abc import Callable


def fetch_missing(say: Callable[[str], None] = print) -> list[str]:
    """Download the sets that are not at hand; the notebooks of this build are forbidden any of their own.

    Licences and citations are said here. With `SEGKIT_OFFLINE` nothing is tried.

    Args:
        say: receives lines for the terminal.

    Returns:
        Names of the sets that could not be had: pages run on phantoms in their place, and say so.

    Raises:
        BookError: `SEGKIT_DATA` points to no folder, or a file on disk is damaged.
    """
    from segkit.data import DATASETS, NotAvailable, available, prepare
    from segkit.errors import DataError
    from tools.toc import BookError

    absent = []
    try:
        for name in DATASETS:
            if available(name):
                continue
            try:
                prepare(name, say=say)
            except NotAvailable as problem:
                absent.append(name)
                say(f"Phantoms stand in for {name}: {problem}")
    except DataError as problem:
        raise BookError(str(problem)) from problem
    os.environ["SEGKIT_OFFLINE"] = "1"
    return absent
