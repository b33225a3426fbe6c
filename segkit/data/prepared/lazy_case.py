"""A prepared case on the disk: a window of it is read without the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.data.case import Case
from segkit.data.prepared import layout
from segkit.errors import DataError, unknown_name

FILES = {"image": layout.image_file, "label": layout.label_file}


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """One case of a prepared set: no voxels and no open file, so it costs nothing and can be pickled.

    Attributes:
        folder: of the prepared set.
        entry: what `dataset.json` says about the case.
        classes: names of the label values.
        window: HU that become 0 and 1 when the image is read; None hands the image through.
    """

    folder: Path
    entry: Mapping[str, Any]
    classes: tuple[str, ...]
    window: tuple[float, float] | None = None

    @property
    def id(self) -> str:
        """Unique in its set."""
        return str(self.entry["id"])

    @property
    def group(self) -> str:
        """The patient."""
        return str(self.entry["group"])

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial axes of the prepared grid."""
        return tuple(self.entry["shape"])

    @property
    def n_channels(self) -> int:
        """Channels of the image."""
        return int(self.entry["channels"])

    @property
    def n_classes(self) -> int:
        """Label values, background included."""
        return len(self.classes)

    @property
    def has_label(self) -> bool:
        """Whether the case is annotated."""
        return bool(self.entry["labelled"])

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """Voxel size of the prepared grid, or None where the set has lost it."""
        spacing = self.entry["spacing_mm"]
        return None if spacing is None else tuple(spacing)

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel index of the prepared grid → mm in RAS+."""
        return np.asarray(self.entry["affine"], dtype=np.float64)

    @property
    def minimum(self) -> Tensor:
        """Smallest value of every channel as `read` returns it, `(C,)`: what an image is padded with."""
        return self._scaled(torch.tensor(self.entry["minimum"], dtype=torch.float32))

    def read(self, window: Sequence[slice] | None = None, *, key: str = "image") -> Tensor:
        """Voxels of a window; only these are read from the disk.

        Args:
            window: a slice for each spatial axis; None for all.
            key: `"image"` or `"label"`.

        Returns:
            The image, float32 `(C, *W)`, normalised as a network sees it; or the label, int64 `(*W)`.

        Raises:
            ConfigError: another key.
            DataError: a file is missing or damaged, or the case has no label.
        """
        values = self._map(key)
        if window is not None:
            index: Any = (..., *window)
            values = values[index]
        # A copy in memory, contiguous and writable; the map is closed when it goes out of sight.
        if key == "label":
            return torch.from_numpy(values.astype(np.int64))
        return self._scaled(torch.from_numpy(values.astype(np.float32)))

    def places(self) -> NDArray[np.int64]:
        """Class and flat index of stored foreground voxels, `(n, 2)`."""
        self._must_be_labelled()
        return np.array(self._array(layout.voxels_file(self.id)))

    def load(self) -> Case:
        """The whole case on the prepared grid, normalised; what `read` returns for all voxels."""
        label = self.read(key="label") if self.has_label else None
        return self._case(self.read(), label, self.spacing_mm, self.affine)

    def native(self) -> Case:
        """The label on the grid of the original file, for measuring where the annotators drew.

        Returns:
            A case whose image is zero everywhere and takes no memory: the intensities are not kept on this
            grid. `segkit.evaluate.to_grid(probs, case.load(), case.native())` brings a prediction onto it.

        Raises:
            DataError: the file is missing or damaged.
        """
        original = self.entry["original"]
        shape, spacing = tuple(original["shape"]), original["spacing_mm"]
        affine = np.asarray(original["affine"], dtype=np.float64)
        image = torch.zeros(()).expand(self.n_channels, *shape)
        label = None
        if self.has_label and layout.native_file(self.id) in self.entry["sha256"]:
            label = self._native_label().reshape(shape)
        elif self.has_label:
            label = self.read(key="label")
        return self._case(image, label, spacing and tuple(spacing), affine)

    def _case(
        self,
        image: Tensor,
        label: Tensor | None,
        spacing: tuple[float, ...] | None,
        affine: NDArray[np.float64],
    ) -> Case:
        facts = self.entry["facts"]
        return Case(image, label, spacing, affine, self.id, self.group, self.classes, facts)

    def _scaled(self, image: Tensor) -> Tensor:
        if self.window is None:
            return image
        low, high = self.window
        return image.sub_(low).mul_(1 / (high - low)).clamp_(0, 1)

    def _map(self, key: str) -> NDArray[Any]:
        if key not in FILES:
            raise unknown_name("map of a prepared case", key, FILES)
        if key == "label":
            self._must_be_labelled()
        return self._array(FILES[key](self.id))

    def _must_be_labelled(self) -> None:
        if not self.has_label:
            raise DataError(f"case {self.id} has no label: leave 'label' out of keys, or use labelled cases")

    def _array(self, name: str) -> NDArray[Any]:
        path = self.folder / name
        try:
            array: NDArray[Any] = np.load(path, mmap_mode="r" if path.stat().st_size > 256 else None)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"{path} is missing or damaged ({error}): delete {self.folder / layout.record_file(self.id)} "
                "and prepare the set again"
            ) from error
        return array

    def _native_label(self) -> Tensor:
        import nibabel as nib

        path = self.folder / layout.native_file(self.id)
        try:
            array = np.asanyarray(nib.load(path).dataobj)  # type: ignore[attr-defined]
        except Exception as error:
            raise DataError(f"{path} is missing or damaged ({error}): prepare the set again") from error
        return torch.from_numpy(array.astype(np.int64))
