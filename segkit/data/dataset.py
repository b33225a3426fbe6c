"""What the registry says about a named data set, and what a reader must offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segkit.data.case import Case


@dataclass(frozen=True)
class Source:
    """A case that has been found but not read.

    Attributes:
        id: unique in the data set.
        group: the patient or examination; splits keep it together.
        paths: every file that the case is read from.
        facts: what the names of the files, or a table beside them, tell.
    """

    id: str
    group: str
    paths: tuple[Path, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Licence:
    """Terms of use: SPDX identifier, their meaning in one sentence, and where they stand in full."""

    spdx: str
    meaning: str
    url: str


@dataclass(frozen=True)
class Remote:
    """A file to download.

    Attributes:
        name: path below the folder of the data set.
        urls: addresses of the same bytes, tried in turn.
        hash: `"sha256:…"` or `"md5:…"` as its source or a maintained library publishes it. None where nobody
            publishes one: then the first download records the SHA-256 and later ones are held against it.
        unpack: whether it is an archive.
    """

    name: str
    urls: tuple[str, ...]
    hash: str | None = None
    unpack: bool = False


@dataclass(frozen=True, kw_only=True)
class PublicSet:
    """What a user must know about a public data set before its first byte.

    Attributes:
        name: the word for it in code.
        title: its full name.
        description: modality and task in a sentence or two, with what a user must know.
        classes: names of the label values, background first.
        cases: how many cases there are.
        licence: terms of use.
        citations: what to cite.
        homepage: official address.
        layout: the files below the folder of the set.
        folders: names under which that folder is looked for, the first being the one that the cache uses.
        find: lists the cases below a folder without reading them; an empty list if the layout is another.
        files: what a download consists of; empty where the source asks for registration.
        instructions: how to get the set by hand.
    """

    name: str
    title: str
    description: str
    classes: tuple[str, ...]
    cases: int
    licence: Licence
    citations: tuple[str, ...]
    homepage: str
    layout: str
    folders: tuple[str, ...]
    find: Callable[[Path], list[Source]]
    files: tuple[Remote, ...] = ()
    instructions: str = ""

    def notice(self) -> str:
        """Licence and citations, printed once before the first byte of a download."""
        lines = [
            f"{self.title}: licence {self.licence.spdx}. {self.licence.meaning} ({self.licence.url})",
            "Please cite:",
            *(f"  {citation}" for citation in self.citations),
        ]
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class DataSet(PublicSet):
    """A public data set that the book uses, small enough to be held in memory.

    Attributes:
        phantom: kind of the procedural phantom that stands in when the set is not there.
        read: reads one case.
    """

    phantom: str
    read: Callable[[Source], Case]


def first_folder(root: Path, *candidates: str) -> Path | None:
    """The first of some sub-folders that exists; `""` stands for `root` itself."""
    return next((root / name for name in candidates if (root / name).is_dir()), None)


def listed(folder: Path | None, pattern: str) -> list[Path]:
    """What matches, in the order of the names; nothing where there is no such folder."""
    return sorted(folder.glob(pattern)) if folder is not None and folder.is_dir() else []


CC_BY_4 = Licence(
    "CC-BY-4.0",
    "Any use is allowed if the authors are named.",
    "https://creativecommons.org/licenses/by/4.0/",
)
CC_BY_SA_4 = Licence(
    "CC-BY-SA-4.0",
    "Any use is allowed if the authors are named and what is derived keeps this licence.",
    "https://creativecommons.org/licenses/by-sa/4.0/",
)
CC_BY_NC_4 = Licence(
    "CC-BY-NC-4.0",
    "Not for commercial use; name the authors.",
    "https://creativecommons.org/licenses/by-nc/4.0/",
)
CC_BY_NC_SA_4 = Licence(
    "CC-BY-NC-SA-4.0",
    "Research and teaching only, not commercial; name the authors and keep this licence on what is derived.",
    "https://creativecommons.org/licenses/by-nc-sa/4.0/",
)
MIT = Licence(
    "MIT",
    "Any use is allowed if the copyright notice is kept; attempt to identify nobody.",
    "https://opensource.org/license/mit",
)
