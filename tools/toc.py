"""Read `_toc.yml` and `_config.yml`: which pages the book has, and where its repository stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SUFFIXES = (".ipynb", ".md")


class BookError(Exception):
    """The book cannot be built as it stands; the message is one sentence for the person who builds it."""


@dataclass(frozen=True)
class Page:
    """One page of the book.

    Attributes:
        name: path below the project's root without suffix, as it stands in `_toc.yml` ("book/unet").
        path: the source file.
    """

    name: str
    path: Path

    @property
    def slug(self) -> str:
        """The last part of the name; run records of a chapter stand in `book/results/<slug>`."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def is_notebook(self) -> bool:
        """Whether the page has to be executed."""
        return self.path.suffix == ".ipynb"


def _files(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("root", "file"):
                yield str(value)
            else:
                yield from _files(value)
    elif isinstance(node, list):
        for value in node:
            yield from _files(value)


def toc_names(home: Path) -> list[str]:
    """Page names in the order of `_toc.yml`, the root first."""
    return list(_files(yaml.safe_load((home / "_toc.yml").read_text())))


def pages(home: Path) -> list[Page]:
    """The pages of the book, in reading order.

    Raises:
        BookError: `_toc.yml` lists a page that is not there.
    """
    found = []
    for name in toc_names(home):
        path = next((home / f"{name}{s}" for s in SUFFIXES if (home / f"{name}{s}").is_file()), None)
        if path is None:
            raise BookError(
                f"_toc.yml lists {name}, but {name}.ipynb and {name}.md are missing; add one or drop the line"
            )
        found.append(Page(name, path))
    return found


def config(home: Path) -> dict[str, Any]:
    """`_config.yml` as a dictionary."""
    return yaml.safe_load((home / "_config.yml").read_text())


def repository(home: Path) -> tuple[str, str]:
    """The repository's address and its branch: the only place where they stand is `_config.yml`."""
    place = config(home)["repository"]
    return str(place["url"]).rstrip("/"), str(place["branch"])
