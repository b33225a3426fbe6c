"""Find cases by the names of their files: a regular expression for the image, a template for its label."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from segkit.data.dataset import Source
from segkit.data.prepared.layout import UNLABELLED


@dataclass(frozen=True)
class Pairs:
    """A `find` for sets that lay an image and its label map in two files, whatever folders they lie in.

    Attributes:
        image: pattern for the end of an image's path below the given folder, with `/` between names. A group
            named `official` says to which part of its official split a case belongs.
        label: template for the label; it replaces what the pattern matched.
        id: template for the name of the case.
        group: template for the patient; by default the name of the case.
        anywhere: the label lies in a folder that does not follow from that of the image; it is then found by
            its name alone.
        unlabelled: pattern for images whose labels were never published; `id` is made from its groups too.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> find = Pairs(r"imagesTr/(\\w+)\\.nii\\.gz", r"labelsTr/\\1.nii.gz", r"\\1")
        >>> with TemporaryDirectory() as folder:
        ...     (Path(folder) / "imagesTr").mkdir()
        ...     (Path(folder) / "imagesTr" / "liver_3.nii.gz").touch()
        ...     [source.id for source in find(Path(folder))]
        ['liver_3']
    """

    image: str
    label: str
    id: str
    group: str = ""
    anywhere: bool = False
    unlabelled: str = ""

    def __call__(self, root: Path) -> list[Source]:
        """Cases below a folder, in the order of their numbers; each with the path of its label, there or
        not."""
        files = _below(root)
        by_name = {name.rsplit("/", 1)[-1]: name for name in files} if self.anywhere else {}
        sources = []
        for name in files:
            match = _ends(name, self.image)
            if match is None or (self.unlabelled and _ends(name, self.unlabelled)):
                continue
            label = match.expand(self.label)
            label = by_name.get(label, label) if self.anywhere else name[: match.start()] + label
            part = match.groupdict().get("official")
            facts = {"official": OFFICIAL[part.lower()]} if part else {}
            sources.append(self._source(match, (root / name, root / label), facts))
        return sorted(sources, key=lambda source: _by_number(source.id))

    def without_labels(self, root: Path) -> list[Source]:
        """Images below a folder whose labels were never published."""
        found = [
            self._source(match, (root / name,), {"official": UNLABELLED})
            for name in _below(root)
            if self.unlabelled and (match := _ends(name, self.unlabelled))
        ]
        return sorted(found, key=lambda source: _by_number(source.id))

    def _source(self, match: re.Match[str], paths: tuple[Path, ...], facts: dict[str, str]) -> Source:
        id = match.expand(self.id)
        return Source(id, match.expand(self.group) if self.group else id, paths, facts)


def _ends(name: str, pattern: str) -> re.Match[str] | None:
    """The end of a path, from a name on."""
    return re.search(rf"(?:(?<=/)|^){pattern}$", name)


OFFICIAL = {
    "train": "train", "training": "train", "val": "validation", "validation": "validation", "test": "test",
    "testing": "test", "valid": "validation",
}  # fmt: skip
"""Words for the parts of official splits."""


def _below(root: Path) -> list[str]:
    """Paths of all files, relative; without what macOS packs along and what lies in hidden folders."""
    found = []
    for folder, inner, files in os.walk(root):
        inner[:] = [name for name in inner if not name.startswith((".", "__MACOSX"))]
        found += [
            (Path(folder) / name).relative_to(root).as_posix() for name in files if not name.startswith(".")
        ]
    return found


def _by_number(id: str) -> list[tuple[int, str]]:
    """liver_2 before liver_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", id)]
