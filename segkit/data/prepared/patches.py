"""Batches of patches from prepared cases: a step reads patches, not volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from segkit.data.batches import PatchBatches, at_least
from segkit.data.case import IGNORE
from segkit.data.prepared.lazy_case import FILES, PreparedCase
from segkit.data.prepared.places import StoredIndex
from segkit.errors import ConfigError, DataError, unknown_name

if TYPE_CHECKING:
    from segkit.data.augmentation import Augment


class PreparedBatches(PatchBatches):
    """`PatchBatches` over cases that stay on the disk: the same draws, the same patches.

    Start-up reads no volume; a batch reads its patches (with `augment`, the box that a turned patch reaches)
    from mapped files, which the operating system keeps in memory as far as there is room. Use it inside
    `Prefetch`.

    Args:
        cases: of a `PreparedSet`, at least one.
        patch: size of a patch in voxels.
        batch_size: patches per batch.
        seed: 0 or more.
        foreground: as `PatchBatches`; the places to centre on were stored by the preparation.
        augment: as `PatchBatches`.
        keys: "image" and "label", or one of them.

    Raises:
        DataError: no cases, a case without label, channels that differ, foreground asked for but nowhere
            present, a file that is missing or damaged.
        ConfigError: a number outside its range, another key.
    """

    def __init__(
        self,
        cases: Sequence[PreparedCase],
        *,
        patch: Sequence[int],
        batch_size: int,
        seed: int,
        foreground: float | None = None,
        augment: Augment | None = None,
        keys: Sequence[str] = ("image", "label"),
    ) -> None:
        self._begin(cases, patch, batch_size, seed, foreground, augment, keys)
        for case in cases:
            self._check_case(case, cases[0].n_channels, keys)
        shapes = [at_least(case.shape, self.patch) for case in cases]
        self.maps = [
            {key: _Map(case, key, shape) for key in keys}  # type: ignore[misc]  # what is asked of a tensor
            for case, shape in zip(cases, shapes, strict=True)
        ]
        self._centre(cases, lambda k: _index(cases[k], shapes[k]))

    def _check_case(self, case: PreparedCase, channels: int, keys: Sequence[str]) -> None:
        for key in keys:
            if key not in FILES:
                raise unknown_name("map of a prepared case", key, FILES)
        if len(self.patch) != len(case.shape) or min(self.patch) < 1:
            raise ConfigError(
                f"a patch for {case.id} needs {len(case.shape)} sizes of 1 or more, got {self.patch}"
            )
        if case.n_channels != channels:
            raise DataError(
                f"case {case.id} has {case.n_channels} channels, the first one {channels}: they must agree"
            )
        if not case.has_label and ("label" in keys or self.foreground > 0):
            raise DataError(
                f"case {case.id} has no label: leave 'label' out of keys and set foreground=0, or use "
                "labelled cases"
            )


def _index(case: PreparedCase, padded: tuple[int, ...]) -> StoredIndex:
    before = tuple((p - n) // 2 for n, p in zip(case.shape, padded, strict=True))
    return StoredIndex(case.places(), case.shape, before=before, padded=padded)


class _Map:
    """What `PatchBatches` and `Augment` ask of a tensor, answered from the disk.

    A case smaller than the patch is padded when it is read: the image with its minimum, the label with
    `IGNORE`.
    """

    def __init__(self, case: PreparedCase, key: str, padded: tuple[int, ...]) -> None:
        self._case, self._key = case, key
        self._before = tuple((p - n) // 2 for n, p in zip(case.shape, padded, strict=True))
        self.shape = (case.n_channels, *padded) if key == "image" else padded
        self.ndim = len(self.shape)
        self.dtype = torch.float32 if key == "image" else torch.int64

    def is_floating_point(self) -> bool:
        return self._key == "image"

    def __getitem__(self, index: Any) -> Tensor:
        window, margins = [], []
        for part, n, before in zip(index[1:], self._case.shape, self._before, strict=True):
            start, stop = part.start - before, part.stop - before
            low, high = min(max(start, 0), n), min(max(stop, 0), n)
            window.append(slice(low, high))
            margins.append((low - start, stop - high))
        values = self._case.read(window, key=self._key)
        if not any(a or b for a, b in margins):
            return values
        flat = [n for pair in reversed(margins) for n in pair]
        if self._key == "label":
            return pad(values, flat, value=IGNORE)
        channels = zip(values, self._case.minimum.tolist(), strict=True)
        return torch.stack([pad(channel, flat, value=low) for channel, low in channels])
