"""The data sets that segkit knows by name."""

from __future__ import annotations

from segkit.data.dataset import DataSet
from segkit.data.readers import acdc, chaos, hc18, hippocampus, openkbp
from segkit.errors import unknown_name

DATASETS: dict[str, DataSet] = {
    module.DATASET.name: module.DATASET for module in (hippocampus, openkbp, acdc, hc18, chaos)
}
"""Every named data set, in the order in which the book meets them."""


def describe(name: str) -> DataSet:
    """The registry entry of a data set.

    Raises:
        ConfigError: the name is unknown; the message holds the nearest one.

    Example:
        >>> describe("hippocampus").licence.spdx
        'CC-BY-SA-4.0'
    """
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    return DATASETS[name]
