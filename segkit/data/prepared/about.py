"""What `dataset.json` says of a set as a whole, apart from its cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from segkit.data.dataset import Licence, PublicSet
from segkit.data.prepared.layout import Settings


@dataclass(frozen=True)
class About:
    """Names, terms and settings of a set that is being prepared.

    Attributes:
        name: of the set.
        title: its full name.
        classes: names of the label values, background first.
        channels: what the channels of an image show.
        licence: terms of use.
        citations: what to cite.
        source: address or origin.
        settings: how its cases are prepared.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    licence: Licence
    citations: tuple[str, ...]
    source: str
    settings: Settings

    def to_json(self) -> dict[str, Any]:
        """As `dataset.json` holds it."""
        return {**asdict(self), "settings": self.settings.to_json()}


def about(entry: PublicSet, channels: tuple[str, ...], settings: Settings) -> About:
    """From an entry of the registry."""
    return About(
        entry.name,
        entry.title,
        entry.classes,
        channels,
        entry.licence,
        entry.citations,
        entry.homepage,
        settings,
    )


def steps(
    settings: Mapping[str, Any], *, dims: int, spaced: bool, window: tuple[float, float] | None
) -> list[dict[str, Any]]:
    """The steps of `segkit.evaluate.preprocess` that take an image as it was read to what a network sees.

    Args:
        settings: as `dataset.json` holds them.
        dims: spatial axes.
        spaced: whether the images have spacing.
        window: HU that become 0 and 1.
    """
    done: list[dict[str, Any]] = []
    if dims == 3:
        done.append({"name": "to_orientation", "kwargs": {"codes": "RAS"}})
    if settings["modality"] != "ct":
        done.append({"name": "z_score", "kwargs": {}})
    if dims == 3 and spaced and settings["spacing_mm"]:
        done.append({"name": "resample", "kwargs": {"spacing_mm": settings["spacing_mm"]}})
    if dims == 2 and settings["size"]:
        done.append({"name": "resize", "kwargs": {"shape": settings["size"]}})
    if window is not None:
        done.append({"name": "window", "kwargs": {"low": window[0], "high": window[1]}})
    return done
