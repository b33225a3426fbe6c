"""From a mask to the channels that a network sees: dictionary transforms in MONAI's manner.

Each takes a dictionary of maps on one grid and adds one. They are run once per case: a distance is never
computed in a training step. Afterwards all maps travel together: `segkit.data.Augment`, or MONAI's spatial
transforms with all keys, move image, label and channels alike, and intensity transforms with the key "image"
change the image alone. The image alone is normalised, too: a mask is 0 and 1 as it stands, and a constant one
has no deviation to divide by.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import AddCoordinateChannels, MapTransform
from torch import Tensor

from segkit.data import Case, signed_distance_mm
from segkit.errors import ConfigError, DataError
from segkit.mask_prior.carrying import check_grid
from segkit.mask_prior.parents import bounding_box
from segkit.mask_prior.population import OccurrenceMaps

Sample = Mapping[Hashable, Any]


class SignedDistanced(MapTransform):
    """Distance from the surface of a mask, negative inside: the outline, spread over the whole volume.

    A voxel far from the outline then knows how far, also in a network whose receptive field does not reach.

    Args:
        keys: the mask, bool `(*S)` or `(1, *S)`.
        to: key of the result, float32 `(1, *S)`.
        scale_mm: distances are divided by this, to be of the size of 1. Without `spacing_mm` in the
            dictionary they are in voxels, and so is this.

    An empty mask gives the diagonal of the image everywhere, a full one minus that.

    Example:
        >>> sample = {"image": torch.zeros(1, 4), "mask": torch.tensor([0, 1, 1, 0]), "spacing_mm": (5.0,)}
        >>> SignedDistanced(scale_mm=10.0)(sample)["distance"]
        tensor([[ 0.5000, -0.5000, -0.5000,  0.5000]])
    """

    def __init__(
        self, keys: KeysCollection = "mask", *, to: str = "distance", scale_mm: float = 100.0
    ) -> None:
        super().__init__(keys)
        if not scale_mm > 0:
            raise ConfigError(f"scale_mm must be positive, got {scale_mm}")
        self.to, self.scale_mm = _one_key(keys, to), scale_mm

    def __call__(self, data: Sample) -> dict[Hashable, Any]:
        """The dictionary with the distance added."""
        mask = plain(data, self.keys[0])
        distance = signed_distance_mm(mask, data.get("spacing_mm")) / self.scale_mm
        return {**data, self.to: distance[None]}


class BodyCoordinatesd(MapTransform):
    """Position relative to the bounding box of a mask: −1 at its first voxel along an axis, 1 at its last.

    Outside the box the coordinates go on linearly. A box of one voxel has the coordinate 0.

    Args:
        keys: the mask, bool `(*S)` or `(1, *S)`.
        to: key of the result, float32, one channel per axis.

    Raises:
        DataError: the mask is empty.

    Example:
        >>> sample = {"image": torch.zeros(1, 5), "mask": torch.tensor([0, 1, 1, 1, 0])}
        >>> BodyCoordinatesd()(sample)["coordinates"].tolist()
        [[-2.0, -1.0, 0.0, 1.0, 2.0]]
    """

    def __init__(self, keys: KeysCollection = "mask", *, to: str = "coordinates") -> None:
        super().__init__(keys)
        self.to = _one_key(keys, to)

    def __call__(self, data: Sample) -> dict[Hashable, Any]:
        """The dictionary with the coordinates added."""
        mask = plain(data, self.keys[0])
        axes = []
        for (low, high), n in zip(bounding_box(mask), mask.shape, strict=True):
            where = torch.arange(n, dtype=torch.float32)
            axes.append(2 * (where - low) / (high - low) - 1 if high > low else torch.zeros(n))
        return {**data, self.to: torch.stack(torch.meshgrid(*axes, indexing="ij"))}


class GridCoordinatesd(MapTransform):
    """CoordConv's channels: position in the array, from −0.5 to 0.5 along each axis, by MONAI.

    Args:
        keys: the image, `(C, *S)`.
        to: key of the result, float32, one channel per axis.
    """

    def __init__(self, keys: KeysCollection = "image", *, to: str = "grid") -> None:
        super().__init__(keys)
        self.to = _one_key(keys, to)

    def __call__(self, data: Sample) -> dict[Hashable, Any]:
        """The dictionary with the coordinates added."""
        image = data[self.keys[0]]
        dims = tuple(range(image.ndim - 1))
        added = AddCoordinateChannels(dims)(image)[-len(dims) :]
        return {**data, self.to: torch.as_tensor(added).as_subclass(Tensor).float()}


class OccurrenceMapd(MapTransform):
    """How often each structure lay here in other patients; see `OccurrenceMaps`.

    Args:
        maps: made from the training cases. A patient among them gets a map without its own labels.
        keys: the mask that aligns patients, where `maps` has the frame "mask"; otherwise not looked at.
        to: key of the result, float32, one channel per structure.
    """

    def __init__(
        self, maps: OccurrenceMaps, keys: KeysCollection = "mask", *, to: str = "occurrence"
    ) -> None:
        super().__init__(keys, allow_missing_keys=True)
        self.maps, self.to = maps, _one_key(keys, to)

    def __call__(self, data: Sample) -> dict[Hashable, Any]:
        """The dictionary, which must tell the "case" it belongs to, with the maps added."""
        if not isinstance(data.get("case"), Case):
            raise DataError("an occurrence map needs the 'case' in the dictionary: use with_channels")
        return {**data, self.to: self.maps.for_case(data["case"])}


def plain(data: Sample, key: Hashable) -> Tensor:
    """A mask of a dictionary as `(*S)`.

    Raises:
        DataError: it is missing, or lies on another grid than the image.
    """
    if key not in data or "image" not in data:
        raise DataError(f"the dictionary lacks {key!r} or 'image', it has {sorted(map(str, data))}")
    mask = torch.as_tensor(data[key]).as_subclass(Tensor)
    shape = tuple(data["image"].shape[1:])
    mask = mask[0] if mask.ndim == len(shape) + 1 and mask.shape[0] == 1 else mask
    if tuple(mask.shape) != shape:
        raise DataError(
            f"the mask {key!r} has shape {tuple(mask.shape)} but the image has {shape}: both must lie on one "
            "grid"
        )
    return mask


def with_channels(case: Case, transforms: Iterable[Callable[[Any], Any]]) -> Case:
    """A case with the maps that transforms add, kept in its `meta` for batches to find.

    Args:
        case: its `meta` holds the masks, see `with_maps`.
        transforms: dictionary transforms, in order. They see "image", "label", the tensors of `meta`,
            "spacing_mm" and the "case".

    Raises:
        DataError: an added map does not lie on the grid of the case.

    Example:
        >>> from segkit.data import phantom
        >>> from segkit.mask_prior import parent_mask, with_maps
        >>> case = phantom("hippocampus", 0)
        >>> case = with_maps(case, mask=parent_mask(case))
        >>> case = with_channels(case, [SignedDistanced(scale_mm=20), BodyCoordinatesd()])
        >>> case.meta["distance"].shape[0], case.meta["coordinates"].shape[0]
        (1, 3)
    """
    held = {key: value for key, value in case.meta.items() if isinstance(value, Tensor)}
    data: Any = {"image": case.image, **held, "spacing_mm": case.spacing_mm, "case": case}
    if case.label is not None:
        data["label"] = case.label
    for transform in transforms:
        data = transform(data)
    own = ("image", "label", "spacing_mm", "case")
    new = {str(key): value for key, value in data.items() if key not in own and isinstance(value, Tensor)}
    for key, value in new.items():
        check_grid(case, key, value)
    return case.with_(meta={**case.meta, **new})


def stacked(case: Case, keys: Iterable[str]) -> Case:
    """The case with maps of its `meta` as further channels of its image, behind those that it has.

    For prediction, which takes images alone. In training keep image and maps apart (`keys` of the batches):
    intensity augmentation must not touch the maps. Normalise before.

    Raises:
        DataError: a key is missing, or lies on another grid.

    Example:
        >>> from segkit.data import phantom
        >>> from segkit.mask_prior import parent_mask, with_maps
        >>> case = phantom("hippocampus", 0)
        >>> stacked(with_maps(case, mask=parent_mask(case)), ["mask"]).image.shape[0]
        2
    """
    parts = [case.image]
    for key in keys:
        value = case.meta.get(key)
        if not isinstance(value, Tensor):
            raise DataError(f"case {case.id} has no map {key!r} in its meta: add it with with_maps")
        check_grid(case, key, value)
        parts.append((value if value.ndim == case.image.ndim else value[None]).float())
    return case.with_(image=torch.cat(parts))


def _one_key(keys: KeysCollection, to: str) -> str:
    names = (keys,) if isinstance(keys, str) else tuple(keys)  # type: ignore[arg-type]
    if len(names) != 1 or to in ("image", "label"):
        raise ConfigError(f"a channel is made of one map and is no image or label, got {names} to {to!r}")
    return to
