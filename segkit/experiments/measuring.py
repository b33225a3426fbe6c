"""The evaluation of a trained method as columns: every metric of every structure of every case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from segkit.data import Case
from segkit.errors import DataError
from segkit.evaluate import evaluate_case
from segkit.experiments.tables import rounded
from segkit.train import Method

Extra = Callable[[Case, Tensor], Mapping[str, Sequence[float | None]]]
"""`extra(case, prediction)` → name → a value for each structure; the prediction is labels `(*S)`."""

_AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def measure_cases(
    method: Method,
    cases: Sequence[Case],
    metrics: Iterable[str],
    *,
    batch_size: int = 4,
    device: str = "cpu",
    precision: str = "32-true",
    band_mm: float = 2.0,
    extra: Extra | None = None,
) -> dict[str, Any]:
    """Predict whole images and measure them.

    Args:
        method: trained; it is put into evaluation mode and back.
        cases: labelled cases of one data set.
        metrics: names for `segkit.evaluate.evaluate_case`.
        batch_size: images per prediction, where neighbours have one shape. On a CPU, single 3-D images fall
            to a slow path of torch, so more is faster.
        device: where the method is.
        precision: of the predictions, as the Trainer names it.
        band_mm: width of the band of `band_dice`.
        extra: measures more of each case; it must give the same names for all. Values that are not finite
            count as undefined.

    Returns:
        The `evaluation` of a run record: `metrics[name][case][class]` with None where a value is undefined,
        and the positions `[case, class]` of empty masks by `status`.

    Raises:
        DataError: no cases, or a case without a label.
    """
    names = tuple(metrics)
    if not cases:
        raise DataError("there are no cases to measure")
    classes = list(cases[0].classes[1:])
    values: dict[str, list[list[float | None]]] = {name: [] for name in names}
    status: dict[str, list[list[int]]] = {"both_empty": [], "missed": [], "spurious": []}
    units: dict[str, str] = {}
    policies: dict[str, str] = {}
    predictions = predict_batched(method, cases, batch_size=batch_size, device=device, precision=precision)
    for number, (case, prediction) in enumerate(zip(cases, predictions, strict=True)):
        measured = evaluate_case(prediction, case, metrics=names, band_mm=band_mm)
        for name in names:
            values[name].append([rounded(measured[structure][name].value) for structure in classes])
        for position, structure in enumerate(classes):
            first = measured[structure][names[0]]
            if first.status != "defined":
                status[first.status].append([number, position])
            units |= {name: measured[structure][name].unit for name in names}
            policies |= {name: measured[structure][name].policy for name in names}
        for name, found in (extra(case, prediction) if extra else {}).items():
            values.setdefault(name, []).append([rounded(value) for value in found])
            units.setdefault(name, "1")
            policies.setdefault(name, "nan")
    return {
        "cases": [case.id for case in cases],
        "groups": [case.group for case in cases],
        "classes": classes,
        "metrics": values,
        "status": status,
        "units": units,
        "policies": policies,
    }


def predict_batched(
    method: Method, cases: Sequence[Case], *, batch_size: int, device: str = "cpu", precision: str = "32-true"
) -> Iterator[Tensor]:
    """Labels of every case in order, int64 `(*S)` on the CPU; neighbours of one shape go together.

    A method that needs more than the image has `predict_case(case) → labels`; it is then asked instead.
    """
    dtype = _AUTOCAST.get(precision)
    was_training = method.training
    method.eval()
    try:
        if hasattr(method, "predict_case"):
            yield from (method.predict_case(case) for case in cases)
            return
        for batch in _alike(cases, batch_size):
            images = torch.stack([case.image for case in batch]).to(device)
            half = torch.autocast(torch.device(device).type, dtype) if dtype else nullcontext()
            with torch.no_grad(), half:
                # The same as argmax, which takes ten times as long on a CPU over so short an axis.
                labels = method.predict(images).max(1).indices.cpu()
            yield from labels
    finally:
        method.train(was_training)


def _alike(cases: Sequence[Case], size: int) -> Iterator[list[Case]]:
    """Consecutive cases of one shape, `size` of them at most."""
    batch: list[Case] = []
    for case in cases:
        if batch and (len(batch) == size or case.image.shape != batch[0].image.shape):
            yield batch
            batch = []
        batch.append(case)
    if batch:
        yield batch
