"""The whole test part of a run: segmented by windows and flips, in parallel, case by case on the disk.

run/test/
  predictions/<case>.nii.gz   on the grid of the original image
  cases/<case>.json           every metric of the case; a case that has one is not done again
  cases.csv, results.json     all of them, and their means with intervals
  report.html                 the same to look at, with the worst cases
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from segkit.data import PreparedCase, PreparedSet, write_mask
from segkit.errors import CheckpointError, ConfigError, DataError
from segkit.evaluate.native import to_grid
from segkit.experiments.pool import run_in_processes
from segkit.recipes.cards import write_card
from segkit.recipes.material import find_prepared
from segkit.recipes.measuring import Segmenter, measured
from segkit.recipes.ranks import is_first, rank, wait_for_all, warn, world_size
from segkit.recipes.records import stored_data_hash, stored_settings, write_json
from segkit.recipes.reports import write_report
from segkit.recipes.results import Results, plain, summarised, write_csv
from segkit.recipes.segmenters import load_segmenter, test_device
from segkit.train import latest_checkpoint

METRICS = ("dice", "hd95_mm", "assd_mm", "sensitivity", "ppv", "volume_error")


def test_run(folder: Path, *, part: str = "test", accelerator: str = "auto", jobs: int = 1) -> Results | None:
    """Segment and measure what is left of a part of the data, and write everything down.

    Several processes that have met (`--devices`) share the cases; otherwise `jobs` new ones do. Start it
    again after an interruption: only cases without a record are done.

    Args:
        folder: of a finished run.
        part: "test", or "validation" while choosing.
        accelerator: "auto", "cpu", "cuda" or "mps".
        jobs: processes.

    Returns:
        The results, in the first process; None in the others.

    Raises:
        CheckpointError: the run has no checkpoint.
        ConfigError: no such accelerator, or `jobs` below 1.
        DataError: the prepared set is not the one that the run was trained on, or the system cannot write.
    """
    folder = Path(folder)
    if jobs < 1:
        raise ConfigError(f"--jobs must be 1 or more, got {jobs}")
    test_device(accelerator)
    data = _same_data(folder)
    stamp = predictor_stamp(folder)
    every = data.cases(part)
    cases = [case for case in every if case.has_label]
    if not cases:
        why = "is empty" if not every else "has no labelled case"
        raise DataError(f"the {part} part of {data.name} {why}: choose another --part, or another data.fold")
    if len(cases) < len(every):
        warn(f"{part}: {len(every) - len(cases)} of {len(every)} cases have no label and are not measured")
    home = folder / part
    waiting = [case.id for case in cases if read_case_record(home, case.id, stamp) is None]
    shared = (str(folder), part, stamp, accelerator)
    if world_size() > 1:
        waiting, jobs = waiting[rank() :: world_size()], 1
    for number, record in enumerate(_done(shared, waiting, jobs), start=1):
        warn(f"{part}: {number} of {len(waiting)}, {record['id']}, {record['seconds']:.1f} s")
    wait_for_all()
    if not is_first():
        return None
    records = [found for case in cases if (found := read_case_record(home, case.id, stamp)) is not None]
    results = summarised(records, data.classes[1:], METRICS, part=part)
    write_csv(home / "cases.csv", results)
    write_json(home / "results.json", {"stamp": stamp, **results.to_json()})
    write_report(home, results, data, prediction=lambda case: prepared_prediction(home, case))
    write_card(folder, results, data)
    return results


def predictor_stamp(folder: Path) -> str:
    """A short name for what segments: it changes with any checkpoint and any option of the inference.

    Raises:
        CheckpointError: there is no checkpoint.
    """
    runs = sorted({path.parent for path in folder.rglob("checkpoint-*") if path.is_dir()})
    newest = [found for run in runs if (found := latest_checkpoint(run)) is not None]
    if not newest:
        raise CheckpointError(f"no complete checkpoint in {folder}: train first, or resume the training")
    digest = hashlib.sha256(json.dumps(stored_settings(folder).inference.plain(), sort_keys=True).encode())
    for checkpoint in newest:
        digest.update((checkpoint / "checkpoint.json").read_bytes())
    return digest.hexdigest()[:16]


def read_case_record(home: Path, id: str, stamp: str) -> dict[str, Any] | None:
    """The record of a case, if it is whole and was made by the same predictor."""
    try:
        record: dict[str, Any] = json.loads(_record_path(home, id).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return record if record.get("stamp") == stamp and mask_path(home, id).is_file() else None


def mask_path(home: Path, id: str) -> Path:
    """Where the predicted mask of a case lies."""
    return home / "predictions" / f"{_file_name(id)}.nii.gz"


def _record_path(home: Path, id: str) -> Path:
    return home / "cases" / f"{_file_name(id)}.json"


def _file_name(id: str) -> str:
    return id.replace("/", "_")


def _same_data(folder: Path) -> PreparedSet:
    data = find_prepared(stored_settings(folder).data)
    if data.hash != stored_data_hash(folder):
        raise DataError(
            f"the prepared set in {data.folder} is not the one that {folder} was trained on, so its results "
            "would not be comparable: prepare the set as it was, or train again"
        )
    return data


def _done(shared: tuple[str, str, str, str], ids: Sequence[str], jobs: int) -> Iterator[dict[str, Any]]:
    if jobs > 1 and len(ids) > 1:
        yield from run_in_processes(_test_one, shared, ids, processes=min(jobs, len(ids)))
        return
    for id in ids:
        yield _test_one(shared, id)


def _test_one(shared: tuple[str, str, str, str], id: str) -> dict[str, Any]:
    """Segment one case, write its mask, and then its record."""
    folder, part, stamp, accelerator = shared
    data, segment = _tools(folder, stamp, accelerator)
    prepared, home, start = data.case(id), Path(folder) / part, (perf_counter(), process_time())
    case, native = prepared.load(), prepared.native()
    labels = to_grid(segment(case), case, native).argmax(0)
    found = measured(labels, native, metrics=METRICS)
    write_mask(labels, native, mask_path(home, id))
    record = {
        "id": id,
        "group": prepared.group,
        "stamp": stamp,
        "seconds": round(perf_counter() - start[0], 3),
        "cpu_seconds": round(process_time() - start[1], 3),
        "metrics": {s: {m: plain(asdict(v)) for m, v in each.items()} for s, each in found.items()},
    }
    write_json(_record_path(home, id), record)
    return record


@lru_cache(maxsize=1)
def _tools(folder: str, stamp: str, accelerator: str) -> tuple[PreparedSet, Segmenter]:
    """Data and predictor of a run, loaded once in each process."""
    settings = stored_settings(Path(folder))
    segment = load_segmenter(Path(folder), settings, device=test_device(accelerator))
    return find_prepared(settings.data), segment


def prepared_prediction(home: Path, case: PreparedCase) -> Any:
    """The predicted mask of a case on the prepared grid, to be drawn over the image."""
    import nibabel
    import numpy as np
    import torch
    from torch.nn.functional import one_hot

    native = case.native()
    array = np.asarray(nibabel.load(mask_path(home, case.id)).dataobj).reshape(native.shape)  # type: ignore[attr-defined]
    classes = one_hot(torch.from_numpy(array.astype(np.int64)), case.n_classes).movedim(-1, 0).float()
    return to_grid(classes, native, case.load()).argmax(0)
