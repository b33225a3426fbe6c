"""Batches as pure functions of (seed, iteration): a resumed run sees what an uninterrupted one would see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from segkit.data.case import Case
from segkit.data.maps import Maps, check_channels, cropped, foreground_index, maps_of, padded
from segkit.data.rows import RowBatches
from segkit.data.sampling import ForegroundIndex, draw_start
from segkit.errors import ConfigError, DataError

if TYPE_CHECKING:
    from segkit.data.augmentation import Augment

Batch = dict[str, Tensor]


class PatchBatches(RowBatches):
    """Batches of patches, cut out of cases in memory.

    `batches[i]` is the batch of iteration i, the same whenever it is asked for and whatever was asked for
    before. Cases come in random order, each once before any comes again.

    Args:
        cases: at least one. Tensors are shared with them, not copied, unless a case has to be padded.
        patch: size of a patch in voxels.
        batch_size: patches per batch.
        seed: 0 or more; another seed gives other patches in another order.
        foreground: probability that a patch is centred on a voxel of a foreground class, which is drawn
            evenly from those present. By default 1/3 with labels and 0 without.
        augment: applied to every patch; it takes what lies round a patch from the image, so that turned
            patches have no empty corners.
        keys: what a batch holds: "image", "label", and names of voxelwise maps in `case.meta`, tensors of
            shape `(*S)` or `(C, *S)` such as a mask or a signed distance.
        pad: pad cases smaller than the patch: the image with its minimum, labels with `IGNORE`, other maps
            with their border. If False, such a case is an error.

    Raises:
        DataError: no cases; a key that a case lacks or whose shape does not fit; channels that differ between
            cases; foreground asked for but nowhere present; a case smaller than the patch with `pad=False`.
        ConfigError: a number outside its range.

    Example:
        >>> from segkit.data import phantoms
        >>> batches = PatchBatches(phantoms("hippocampus", 3), patch=(16, 24, 16), batch_size=2, seed=0)
        >>> {key: tuple(value.shape) for key, value in batches[17].items()}
        {'image': (2, 1, 16, 24, 16), 'label': (2, 16, 24, 16)}
    """

    def __init__(
        self,
        cases: Sequence[Case],
        *,
        patch: Sequence[int],
        batch_size: int,
        seed: int,
        foreground: float | None = None,
        augment: Augment | None = None,
        keys: Sequence[str] = ("image", "label"),
        pad: bool = True,
    ) -> None:
        self._begin(cases, patch, batch_size, seed, foreground, augment, keys)
        maps = [maps_of(case, keys) for case in cases]
        check_channels(cases, maps)
        self.maps = [padded(c, m, self.patch, pad=pad) for c, m in zip(cases, maps, strict=True)]
        self._centre(cases, lambda k: foreground_index(cases[k], self.maps[k]))

    def _begin(
        self,
        cases: Sequence[Any],
        patch: Sequence[int],
        batch_size: int,
        seed: int,
        foreground: float | None,
        augment: Augment | None,
        keys: Sequence[str],
    ) -> None:
        """Check and keep the numbers, before any case is looked at."""
        if foreground is None:
            foreground = 1 / 3 if "label" in keys else 0.0
        check_numbers(cases, batch_size, seed, foreground)
        self.patch = tuple(int(p) for p in patch)
        self.batch_size, self.seed = batch_size, seed
        self.foreground, self.augment = foreground, augment
        self.spacings = [case.spacing_mm for case in cases]

    def _centre(self, cases: Sequence[Any], index_of: Callable[[int], ForegroundIndex]) -> None:
        """Find where patches lie: the shape of every padded case, and its foreground where that is needed."""
        self.shapes = [at_least(case.shape, self.patch) for case in cases]
        self.index: list[ForegroundIndex | None] = [None] * len(cases)
        if self.foreground > 0:
            self.index = [index_of(k) for k in range(len(cases))]
            if not any(index is not None and index.voxels for index in self.index):
                raise DataError(
                    "no case has a voxel of a foreground class, so no patch can be centred on one: look at "
                    "the labels, or set foreground=0"
                )

    def __getitem__(self, iteration: int, /) -> Batch:
        """The batch of one iteration: "image" `(B, C, *P)`, "label" `(B, *P)`, other maps with B in front."""
        return self.part(iteration, 0, 1)

    def _row(self, iteration: int, row: int) -> Maps:
        random, which = self._random(iteration, row), self._which(len(self.maps), iteration, row)
        maps, shape = self.maps[which], self.shapes[which]
        start = draw_start(shape, self.patch, random, index=self.index[which], foreground=self.foreground)
        if self.augment is not None:
            return self.augment.cut(maps, start, self.patch, random, spacing_mm=self.spacings[which])
        window = tuple(slice(s, s + p) for s, p in zip(start, self.patch, strict=True))
        return {key: cropped(value, window) for key, value in maps.items()}


class WholeBatches(PatchBatches):
    """Batches of whole images, all of one shape; otherwise as `PatchBatches`.

    Raises:
        DataError: also if shapes differ between cases.

    Example:
        >>> from segkit.data import phantoms
        >>> batches = WholeBatches(phantoms("ultrasound", 2), batch_size=2, seed=0)
        >>> tuple(batches[0]["image"].shape)
        (2, 1, 180, 270)
    """

    def __init__(
        self,
        cases: Sequence[Case],
        *,
        batch_size: int,
        seed: int,
        augment: Augment | None = None,
        keys: Sequence[str] = ("image", "label"),
    ) -> None:
        check_numbers(cases, batch_size, seed, 0.0)
        for case in cases:
            if case.shape != cases[0].shape:
                raise DataError(
                    f"whole images must have one shape, but {cases[0].id} is {cases[0].shape} and {case.id} "
                    f"is {case.shape}: use crop_or_pad or resize first, or PatchBatches"
                )
        super().__init__(
            cases,
            patch=cases[0].shape,
            batch_size=batch_size,
            seed=seed,
            foreground=0.0,
            augment=augment,
            keys=keys,
        )


def at_least(shape: Sequence[int], patch: Sequence[int]) -> tuple[int, ...]:
    """A shape that holds a patch."""
    return tuple(max(n, p) for n, p in zip(shape, patch, strict=True))


def check_numbers(cases: Sequence[object], batch_size: int, seed: int, foreground: float) -> None:
    """Raise unless there are cases and the numbers lie in their ranges."""
    if not cases:
        raise DataError(
            "there are no cases to make batches of: look at the split and the names of the groups"
        )
    if batch_size < 1 or seed < 0 or not 0 <= foreground <= 1:
        raise ConfigError(
            "batches need a batch_size of 1 or more, a seed of 0 or more and a foreground in [0, 1], got "
            f"{batch_size}, {seed} and {foreground}"
        )
