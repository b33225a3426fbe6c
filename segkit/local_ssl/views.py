"""Two views of every volume of a batch, with the places from which they come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segkit.data import Case
from segkit.data.rows import RowBatches
from segkit.errors import ConfigError, DataError
from segkit.local_ssl.boxes import TwoBoxes
from segkit.local_ssl.cutting import cut
from segkit.local_ssl.intensities import Intensity
from segkit.local_ssl.placing import Placement

Batch = dict[str, Tensor]


def make_views(
    volumes: Tensor,
    boxes: TwoBoxes,
    seed: int | Sequence[int],
    *,
    intensity: Intensity | None = None,
    air_below: float | None = None,
) -> Batch:
    """Two views of each volume, on the device of the volumes.

    Args:
        volumes: (B, C, *V), float. On a GPU: patches that are a little larger than the boxes.
        boxes: draws the places.
        seed: of places and intensities.
        intensity: changes the intensities of each view; None leaves them.
        air_below: intensity of the first channel below which a voxel is air, before intensities are changed.

    Returns:
        "view1", "view2" (B, C, *n) and "place1", "place2" (B, 5, D), `Placement.rows`; with `air_below` also
        "tissue1", "tissue2", bool (B, *n), False where a view shows air or padding.

    Example:
        >>> batch = make_views(torch.randn(2, 1, 20, 20), TwoBoxes((8, 8)), seed=0, intensity=Intensity())
        >>> {key: tuple(value.shape) for key, value in batch.items()}
        {'view1': (2, 1, 8, 8), 'place1': (2, 5, 2), 'view2': (2, 1, 8, 8), 'place2': (2, 5, 2)}
    """
    random = np.random.default_rng(seed)
    generator = torch.Generator(volumes.device).manual_seed(int(random.integers(2**63)))
    pairs = [boxes.draw(volumes.shape[2:], random) for _ in volumes]
    batch: Batch = {}
    for number in (1, 2):
        joined = Placement.joined([pair[number - 1] for pair in pairs])
        place = Placement(joined.rows.to(volumes.device), boxes.shape)
        view = cut(volumes, place)
        if air_below is not None:
            inside = place.in_volume(place.centres())
            batch[f"tissue{number}"] = (view[:, 0] >= air_below) & inside
        batch[f"view{number}"] = view if intensity is None else intensity(view, generator)
        batch[f"place{number}"] = place.rows
    return batch


class ViewBatches(RowBatches):
    """Batches of pairs of views of unlabelled cases; `batches[i]` is a function of the seed and i alone.

    Cases come in random order, each once before any comes again. Labels are not looked at.

    Args:
        cases: at least one; of any shapes.
        boxes: draws the places of the views.
        batch_size: pairs per batch.
        seed: 0 or more.
        intensity: changes the intensities of each view; None leaves them.
        air_below: as in `make_views`.

    Raises:
        DataError: no cases; cases that differ in channels or have other axes than the views; a case with an
            intensity that is not finite; a case smaller than a view, where `boxes` may not pad.
        ConfigError: a number outside its range.

    Example:
        >>> from segkit.data import phantoms, z_score
        >>> cases = [z_score(case) for case in phantoms("hippocampus", 2)]
        >>> batches = ViewBatches(cases, TwoBoxes((16, 24, 16)), batch_size=2, seed=0)
        >>> tuple(batches[5]["view1"].shape)
        (2, 1, 16, 24, 16)
    """

    def __init__(
        self,
        cases: Sequence[Case],
        boxes: TwoBoxes,
        *,
        batch_size: int,
        seed: int,
        intensity: Intensity | None = None,
        air_below: float | None = None,
    ) -> None:
        if not cases:
            raise DataError(
                "there are no cases to make views of: look at the split and the names of the groups"
            )
        if batch_size < 1 or seed < 0:
            raise ConfigError(
                f"batches need a batch_size of 1 or more and a seed of 0 or more, got {batch_size} and {seed}"
            )
        for case in cases:
            if len(case.image) != len(cases[0].image):
                raise DataError(
                    f"{case.id} has {len(case.image)} channels and {cases[0].id} has {len(cases[0].image)}: "
                    "views of one batch need the same"
                )
            if not bool(case.image.isfinite().all()):
                raise DataError(
                    f"the image of {case.id} holds NaN or infinite intensities, which would spoil every "
                    "weight: mend it, or leave it out"
                )
            boxes.draw(case.shape, np.random.default_rng(0))  # complains of what does not fit
        self.images = [case.image for case in cases]
        self.boxes, self.batch_size, self.seed = boxes, batch_size, seed
        self.intensity, self.air_below = intensity, air_below

    def __getitem__(self, iteration: int, /) -> Batch:
        """The batch of one iteration, see `make_views`."""
        return self.part(iteration, 0, 1)

    def _row(self, iteration: int, row: int) -> Batch:
        image = self.images[self._which(len(self.images), iteration, row)]
        views = make_views(
            image[None],
            self.boxes,
            (self.seed, iteration, row + 1),
            intensity=self.intensity,
            air_below=self.air_below,
        )
        return {key: value[0] for key, value in views.items()}
