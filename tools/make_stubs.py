"""Take the solutions out of `book/exercises/*_solutions.ipynb`: `python tools/make_stubs.py [--check]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from segkit.errors import SegkitError
from segkit.exercises import stale_stubs, write_stubs

FOLDER = Path(__file__).resolve().parent.parent / "book" / "exercises"


def main(arguments: list[str] | None = None) -> int:
    """Write the stubs, or with `--check` say which are out of step; 1 if one is, or a source is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where the notebooks are")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something would change")
    options = parser.parse_args(arguments)
    try:
        if not options.check:
            for path in write_stubs(options.folder):
                print(f"wrote {path.name}")
        problems = stale_stubs(options.folder)
    except SegkitError as error:
        problems = [str(error)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
