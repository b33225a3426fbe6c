"""The prepared data set of a run: the one in the cache, or made now."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segkit.data import (
    Case,
    PreparedCase,
    PreparedSet,
    describe,
    full_set,
    k_shot,
    make_split,
    open_prepared,
    phantoms,
    prepare_cases,
    prepare_list,
    to_orientation,
)
from segkit.data.files import alone
from segkit.data.prepared.layout import DATASET
from segkit.data.prepared.opening import prepared_folder
from segkit.errors import ConfigError, DataError
from segkit.recipes.ranks import warn
from segkit.recipes.settings import Section

PHANTOMS = 12
"""How many phantoms stand in for a data set."""


def find_prepared(asked: Section) -> PreparedSet:
    """Open the data set that the settings name, prepared now if it is not yet.

    Args:
        asked: the section `data`: a name, or the folder of a prepared set; phantoms in its place; a fold.

    Raises:
        ConfigError: an unknown name or fold.
        DataError: the set is not at hand and cannot be had, or is damaged.
    """
    found = _phantoms(asked.name) if asked.phantoms else _prepared(asked.name)
    if asked.fold is None:
        return found
    return found.fold(int(asked.fold), int(asked.folds), over="all")


def few_labelled(
    data: PreparedSet, share: float, *, draw: int
) -> tuple[list[PreparedCase], list[PreparedCase]]:
    """Training cases whose labels are used, and the others; whole patients, nested in the share.

    Args:
        data: a prepared set.
        share: of the training patients, in (0, 1]; at least one.
        draw: another number chooses others.

    Raises:
        ConfigError: the share is out of range.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"the share of labelled patients lies in (0, 1], got {share}")
    chosen = set(k_shot(data.split, max(1, math.ceil(share * len(data.split.train) - 1e-9)), draw))
    cases = data.cases("train")
    return [c for c in cases if c.group in chosen], [c for c in cases if c.group not in chosen]


def one_spacing(data: PreparedSet) -> list[float]:
    """The voxel size of all cases: a box in mm has as many voxels in each.

    Raises:
        DataError: it is lost, or differs between cases.
    """
    found = {case.spacing_mm for case in data.cases()}
    if len(found) > 1 or None in found:
        raise DataError(
            f"the cases of {data.name} have "
            + ("lost their spacing" if None in found else f"{len(found)} voxel sizes")
            + ", and a box in mm needs one: take another data set, or prepare this one with --spacing"
        )
    return list(found.pop() or ())


def _prepared(name: str) -> PreparedSet:
    if Path(name).is_absolute() or (Path(name) / DATASET).is_file():
        return open_prepared(name)
    full_set(name)  # an unknown name is said before anything is looked for
    with alone(prepared_folder(name)):  # of several processes one prepares, the others find it
        if not (prepared_folder(name) / DATASET).is_file():
            warn(f"preparing {name}, once; `segkit data prepare {name} --jobs N` does it with N processes")
            prepare_cases(name)
    return open_prepared(name)


def _phantoms(name: str) -> PreparedSet:
    dataset = describe(name)
    folder = prepared_folder(f"phantoms-{name}")
    with alone(folder):
        if not (folder / DATASET).is_file():
            cases = phantoms(dataset.phantom, PHANTOMS)
            prepare_list(
                cases, folder, name=folder.name,
                modality="ct" if dataset.phantom.startswith("ct_") else "mr",
                spacing=_common_spacing(cases),
                split=make_split([case.group for case in cases], (8, 2, 2), seed=0),
                title=f"computed phantoms in place of {dataset.title}", say=warn,
            )  # fmt: skip
    return open_prepared(folder)


def _common_spacing(cases: Sequence[Case]) -> tuple[float, ...] | None:
    """The median voxel size of 3-D cases, along their RAS axes; None where it is not known."""
    turned = [to_orientation(case, "RAS").spacing_mm for case in cases if len(case.shape) == 3]
    known = [spacing for spacing in turned if spacing is not None]
    return tuple(np.median(known, axis=0).round(3).tolist()) if known else None
