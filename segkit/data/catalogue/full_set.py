"""What the catalogue says about a data set at full size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from segkit.data.catalogue.pairs import Pairs
from segkit.data.dataset import DataSet, PublicSet, Source
from segkit.data.prepared.layout import Settings, Spacing
from segkit.data.prepared.scan import Scan, from_case
from segkit.data.registry import describe


@dataclass(frozen=True, kw_only=True)
class FullSet(PublicSet):
    """A public data set that is prepared on the disk and trained from there.

    Attributes:
        modality: `"ct"`, `"mr"`, `"us"` (ultrasound) or `"rgb"` (photographs).
        channels: what the channels of an image show.
        read: reads one case, importable by other processes.
        used_for: what the recipes of the book use it for.
        spacing_mm: voxel size of the prepared grid along its RAS axes, our choice near the median of the set;
            None keeps that of the file, for one axis or for all.
        size: shape of prepared 2-D images; None keeps that of the file.
        gigabytes: size of the download, about; None where it is not known.
    """

    modality: str
    channels: tuple[str, ...]
    read: Callable[[Source], Scan]
    used_for: str
    spacing_mm: Spacing | None = None
    size: tuple[int, int] | None = None
    gigabytes: float | None = None

    @property
    def settings(self) -> Settings:
        """How its cases are prepared unless a user asks for something else."""
        return Settings(self.modality, self.spacing_mm, self.size)

    def find_unlabelled(self, root: Path) -> list[Source]:
        """Images below a folder whose labels were never published; none where the set has no such part."""
        return self.find.without_labels(root) if isinstance(self.find, Pairs) else []

    @property
    def grid(self) -> str:
        """The grid of prepared cases in words."""
        if self.spacing_mm:
            sizes = ("as it is" if size is None else f"{size:g} mm" for size in self.spacing_mm)
            return ", ".join(sizes)
        return f"{self.size[0]} by {self.size[1]} pixels" if self.size else "that of the files"


def of_the_book(
    entry: DataSet,
    *,
    modality: str,
    channels: tuple[str, ...],
    used_for: str,
    spacing_mm: Spacing | None = None,
    size: tuple[int, int] | None = None,
    gigabytes: float | None = None,
) -> FullSet:
    """A set of the book as a set of the catalogue: found and read by the same code."""
    shared = {field: getattr(entry, field) for field in PublicSet.__dataclass_fields__}
    return FullSet(
        **shared,
        modality=modality,
        channels=channels,
        read=partial(read_of_the_book, entry.name),
        used_for=used_for,
        spacing_mm=spacing_mm,
        size=size,
        gigabytes=gigabytes,
    )


def read_of_the_book(name: str, source: Source) -> Scan:
    """A case of one of the book's sets.

    Volumes without spacing are stacks with the slices first (ACDC as HDF5). They cannot be turned to RAS, so
    their axes are reversed: slices come last, as in every other prepared set.
    """
    case = describe(name).read(source)
    if case.spacing_mm is None and len(case.shape) == 3:
        label = None if case.label is None else case.label.permute(2, 1, 0)
        case = case.with_(image=case.image.permute(0, 3, 2, 1), label=label)
    return from_case(case)
