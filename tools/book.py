"""Build the book: execute what changed, stage, make the HTML, say where to open it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools import generated, html, keys, stage
from tools.data_sets import fetch_missing
from tools.execute import SCALES, Store, absolute_data_folder, execute
from tools.toc import SUFFIXES, BookError, config, pages, toc_names

HOME = Path(__file__).resolve().parent.parent


def build_book(
    home: Path, build: Path, *, scale: str, jobs: int, manifest: Callable[[], str] = keys.data_manifest
) -> Path:
    """Bring `build` up to date with the sources below `home`.

    Args:
        home: the project's root.
        build: the build folder.
        scale: name of the scale at which notebooks are executed.
        jobs: how many notebooks are executed at once.
        manifest: tells the hash of the data sets at hand.

    Returns:
        The page to open.

    Raises:
        BookError: a page is missing, a cell failed, or Sphinx complained.
    """
    began = time.monotonic()
    book = pages(home)
    notebooks = [page for page in book if page.is_notebook]
    done = execute(home, build, notebooks, scale=scale, manifest=manifest, jobs=jobs)
    print(f"Executed {len(done)} of {len(notebooks)} notebooks at scale {scale}.", flush=True)

    store = Store(build)

    def data_table() -> str:
        from segkit.data import DATASETS

        return generated.data_table(DATASETS)

    def catalogue_table() -> str:
        from segkit.data import CATALOGUE

        return generated.catalogue_table(CATALOGUE)

    parts = {
        "chapters": lambda: generated.chapter_map(home, toc_names(home)),
        "executions": lambda: generated.execution_table(store, notebooks, scale, manifest()),
        "data": data_table,
        "catalogue": catalogue_table,
    }
    touched = stage.write(stage.layout(home, store, book, parts), build / "source")
    front = html.build(
        build / "source",
        build / "html",
        first=book[0].name,
        title=config(home)["title"],
        fresh=any(not name.endswith(SUFFIXES) for name in touched),
    )
    print(f"Built in {time.monotonic() - began:.0f} s.\nOpen {front}", flush=True)
    return front


def main(arguments: list[str]) -> int:
    """`python -m tools.book [--build FOLDER] [--scale NAME] [--jobs N]`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--build", type=Path, default=HOME / "_build")
    parser.add_argument("--scale", choices=SCALES, default="toy")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(arguments)
    absolute_data_folder()
    try:
        fetch_missing()
        build_book(HOME, given.build.resolve(), scale=given.scale, jobs=given.jobs)
    except BookError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
