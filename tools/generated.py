"""The parts of Markdown pages that the build writes: `<!-- generated: NAME -->` on a line of its own.

A table that can be read off the code or off the build is never typed.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from tools.execute import Store
from tools.toc import BookError, Page

MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
PACKAGES = ("torch", "monai", "numpy", "scipy", "matplotlib", "jupyter-book")


def chapters(home: Path) -> list[dict[str, Any]]:
    """The book's chapters, there or planned: `book/chapters.yml`."""
    return yaml.safe_load((home / "book" / "chapters.yml").read_text())


def chapter_map(home: Path, names: list[str]) -> str:
    """A table with the question of every chapter; those that `_toc.yml` lacks are named without a link."""
    rows = ["| Chapter | The question it answers | What you see |", "|---|---|---|"]
    for number, chapter in enumerate(chapters(home), 1):
        title = f"{number}. {chapter['title']}"
        # An absolute target, so that the table may stand on any page.
        there = f"book/{chapter['slug']}" in names
        title = f"{{doc}}`{title} </book/{chapter['slug']}>`" if there else f"{title} *(in preparation)*"
        rows.append(f"| {title} | {chapter['question']} | {chapter['shows']} |")
    return "\n".join(rows)


def execution_table(store: Store, pages: list[Page], scale: str, manifest: str) -> str:
    """How long every executed page took here, how much memory it needed, and on what it ran."""
    rows = ["| Page | Seconds | Peak memory (MB) |", "|---|--:|--:|"]
    rows += [
        f"| {{doc}}`/{page.name}` | {record['seconds']:.0f} | {record['peak_mb']} |"
        for page in pages
        if (record := store.read(page))
    ]
    images = (
        "phantoms: none of the data sets is on the machine"
        if manifest == "phantom"
        else "the data sets found on the machine"
    )
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            *rows,
            "",
            f"Executed at scale `{scale}` on {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()}, with {versions}. Images: {images}.",
        ]
    )


def data_table(sets: Mapping[str, Any]) -> str:
    """An overview, then a section per data set: what it is, its terms, whom to cite, where it comes from.

    Args:
        sets: name → entry of `segkit.data.DATASETS`.
    """
    blocks = ["| Name | Data set | Cases | Licence |", "|---|---|--:|---|"]
    blocks += [
        f"| `{name}` | {entry.title} | {entry.cases} | [{entry.licence.spdx}]({entry.licence.url}) |"
        for name, entry in sets.items()
    ]
    for name, entry in sets.items():
        classes = ", ".join(f"{value} {word}" for value, word in enumerate(entry.classes))
        blocks += [
            f"\n## {entry.title}\n\n{entry.description}\n",
            f'- **In code:** `load("{name}")`',
            f"- **Classes:** {classes}",
            f"- **Licence:** [{entry.licence.spdx}]({entry.licence.url}). {entry.licence.meaning}",
            f"- **Official address:** <{entry.homepage}>",
            f"- **Stand-in where it cannot be had:** phantom `{entry.phantom}`",
            "- **Please cite:**",
            *(f"  - {citation}" for citation in entry.citations),
        ]
    return "\n".join(blocks)


def catalogue_table(sets: Mapping[str, Any]) -> str:
    """An overview of the sets at full size, then a section for each.

    Args:
        sets: name → entry of `segkit.data.CATALOGUE`.
    """
    blocks = [
        "| Name | Modality | Cases | Classes | Licence | Used for |",
        "|---|---|--:|--:|---|---|",
    ]
    for name, entry in sets.items():
        licence = f"[{entry.licence.spdx}]({entry.licence.url})"
        blocks.append(
            f"| `{name}` | {entry.modality.upper()} | {entry.cases} | {len(entry.classes) - 1} | {licence} | "
            f"{entry.used_for} |"
        )
    for name, entry in sets.items():
        hashed = sum(file.hash is not None for file in entry.files)
        how = entry.instructions or (
            f"`segkit data prepare {name}` downloads {len(entry.files)} file(s); a hash is published for "
            f"{hashed} of them."
        )
        blocks += [
            f"\n### {name}\n\n**{entry.title}.** {entry.description}\n",
            f"- **Classes:** {', '.join(entry.classes)}. **Channels:** {', '.join(entry.channels)}",
            f"- **Licence:** [{entry.licence.spdx}]({entry.licence.url}). {entry.licence.meaning}",
            f"- **Official address:** <{entry.homepage}>",
            f"- **How to get it:** {how}",
            f"- **Layout:** `{entry.layout}`",
            f"- **Prepared grid:** {entry.grid}",
            "- **Please cite:**",
            *(f"  - {citation}" for citation in entry.citations),
        ]
    return "\n".join(blocks)


def fill(text: str, parts: Mapping[str, Callable[[], str]], page: str) -> str:
    """`text` with every mark replaced by what its part writes.

    Raises:
        BookError: a mark names a part that there is not.

    >>> fill("a\\n<!-- generated: one -->\\nb", {"one": lambda: "1"}, "page")
    'a\\n1\\nb'
    """

    def replace(match: re.Match[str]) -> str:
        if match[1] not in parts:
            raise BookError(f"{page} asks for the generated part {match[1]!r}; there are {', '.join(parts)}")
        return parts[match[1]]()

    return MARK.sub(replace, text)
