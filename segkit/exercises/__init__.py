"""Checks behind the book's exercises: they say what is wrong with an answer, not only that it is."""

from __future__ import annotations

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "auditing": ["audit", "run_notebook"],
        "checking": ["CheckFailed", "Result", "check", "collect"],
        "registry": ["Exercise", "Wrong", "chapters", "exercise", "exercises"],
        "stubs": ["make_stub", "stale_stubs", "write_stubs"],
    },
)
