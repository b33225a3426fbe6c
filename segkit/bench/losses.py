"""The losses of MONAI and PyTorch beside ours: which properties hold, and how long a step takes.

`segkit bench losses` prints the times. The table of properties, which is that of the test suite, is
`report()`; `as_markdown(report())` shows it in a page.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypedDict

import torch
from torch import Tensor

from segkit.bench.timing import Row, bench_row, compare
from segkit.losses import CrossEntropyLoss, DiceCELoss, SoftDiceLoss
from segkit.losses.inputs import IGNORE
from segkit.losses.probing import Loss, NotOfferedError, saved_bytes
from segkit.losses.properties import PROPERTIES


class PropertyRow(TypedDict):
    """One line of `report()`.

    `offered` is False where the loss has no argument for what the property asks; then `holds` is False, too.
    """

    loss: str
    property: str
    holds: bool
    offered: bool
    detail: str


OURS: Mapping[str, Callable[[], Loss]] = {
    "segkit CrossEntropyLoss": CrossEntropyLoss,
    "segkit SoftDiceLoss": SoftDiceLoss,
    "segkit DiceCELoss": DiceCELoss,
}


def _labels_that_count(labels: Tensor, valid: Tensor | None) -> Tensor:
    return labels if valid is None else labels.masked_fill(~valid, IGNORE)


def _torch_cross_entropy(logits: Tensor, labels: Tensor, valid: Tensor | None) -> Tensor:
    return torch.nn.functional.cross_entropy(logits, _labels_that_count(labels, valid), ignore_index=IGNORE)


def _monai(loss: Loss, mode: str, logits: Tensor, labels: Tensor, valid: Tensor | None) -> Tensor:
    """Call a loss of MONAI as its documentation says.

    Args:
        loss: the loss, made with softmax and one-hot conversion.
        mode: how it ignores voxels: "index" (it was made with `ignore_index`), "mask" (it takes a mask),
            "none".
        logits: (B, K, *S).
        labels: (B, *S).
        valid: (B, *S) or None.
    """
    labels = _labels_that_count(labels, valid)
    ignored = labels == IGNORE
    if mode == "none" and bool(ignored.any()):
        raise NotOfferedError("it has no argument for ignored voxels")
    if mode == "mask":
        return loss(logits, labels.clamp(min=0)[:, None], (~ignored)[:, None].to(logits.dtype))
    return loss(logits, labels[:, None])  # type: ignore[call-arg]


def peers() -> dict[str, Callable[[], Loss]]:
    """The losses of other libraries, as factories of `(logits, labels, valid) → scalar`."""
    from monai import losses

    shared = {"softmax": True, "to_onehot_y": True, "include_background": False}
    focal = {"use_softmax": True, "to_onehot_y": True, "include_background": False}

    def adapted(name: str, mode: str, **options: object) -> Callable[[], Loss]:
        return lambda: partial(_monai, getattr(losses, name)(**options), mode)

    return {
        "torch cross_entropy": lambda: _torch_cross_entropy,
        "MONAI DiceLoss": adapted("DiceLoss", "index", ignore_index=IGNORE, **shared),
        "MONAI MaskedDiceLoss": adapted("MaskedDiceLoss", "mask", **shared),
        "MONAI DiceCELoss": adapted("DiceCELoss", "none", **shared),
        "MONAI FocalLoss": adapted("FocalLoss", "index", ignore_index=IGNORE, **focal),
        "MONAI DiceFocalLoss": adapted("DiceFocalLoss", "none", **shared),
        "MONAI GeneralizedDiceLoss": adapted("GeneralizedDiceLoss", "none", **shared),
        "MONAI TverskyLoss": adapted("TverskyLoss", "index", ignore_index=IGNORE, **shared),
    }


def check(name: str, loss: Loss) -> list[PropertyRow]:
    """One row per property of the battery for one loss."""
    rows = []
    for title, property_of in PROPERTIES.items():
        holds, offered, detail = True, True, ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                property_of(loss)
        except NotOfferedError as error:
            holds, offered, detail = False, False, str(error)
        except AssertionError as error:
            holds, detail = False, str(error)
        except Exception as error:  # a foreign loss may raise anything
            holds, detail = False, f"raises {type(error).__name__}: {str(error).splitlines()[0]}"
        rows.append(PropertyRow(loss=name, property=title, holds=holds, offered=offered, detail=detail))
    return rows


def report(losses: Mapping[str, Callable[[], Loss]] | None = None) -> list[PropertyRow]:
    """Which properties of the battery each loss has.

    Args:
        losses: name → factory; by default ours, then those of PyTorch and MONAI.

    Example:
        >>> rows = report({"ours": CrossEntropyLoss})
        >>> all(row["holds"] for row in rows)
        True
    """
    losses = {**OURS, **peers()} if losses is None else losses
    return [row for name, make in losses.items() for row in check(name, make())]


def as_markdown(rows: Sequence[PropertyRow]) -> str:
    """The report as a table, a line per property and a column per loss: ✓ holds, ✗ does not, – is not
    offered.
    """
    names = list(dict.fromkeys(row["loss"] for row in rows))
    found = {(row["property"], row["loss"]): row for row in rows}
    lines = ["| property | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for title in dict.fromkeys(row["property"] for row in rows):
        marks = [
            "✓" if row["holds"] else "✗" if row["offered"] else "–"
            for row in (found[title, name] for name in names)
        ]
        lines.append(f"| {title.replace('_', ' ')} | " + " | ".join(marks) + " |")
    return "\n".join(lines)


def run(*, quick: bool) -> list[Row]:
    """Value and gradient of Dice + cross-entropy and of its parts, ours and MONAI's, from bfloat16-shaped
    nets.

    Sizes: a batch of hippocampus crops with 3 classes and one of head-and-neck size with 8. The properties
        go to
    standard error, so that the rows alone are on standard output.
    """
    print(as_markdown(report()), file=sys.stderr)
    size = (12, 16, 12) if quick else (36, 52, 40)
    rows = []
    for classes in (3, 8):
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(2, classes, *size, generator=generator).requires_grad_()
        labels = torch.randint(0, classes, (2, *size), generator=generator)
        for ours, peer in (
            ("segkit DiceCELoss", "MONAI DiceCELoss"),
            ("segkit SoftDiceLoss", "MONAI DiceLoss"),
            ("segkit CrossEntropyLoss", "torch cross_entropy"),
        ):
            mine, theirs = OURS[ours](), peers()[peer]()
            timings = compare(
                {
                    "ours": partial(_step, mine, logits, labels),
                    "peer": partial(_step, theirs, logits, labels),
                },
                repeats=3 if quick else 21,
            )
            row = bench_row(
                timings,
                operation=f"{ours.split()[1]}, value and gradient",
                size=" × ".join(map(str, logits.shape)),
                peer=peer,
                target=1.0,
            )
            row["ours_peak_mb"] = saved_bytes(mine, logits, labels) / 2**20
            row["peer_peak_mb"] = saved_bytes(theirs, logits, labels) / 2**20
            rows.append(row)
    return rows


def _step(loss: Loss, logits: Tensor, labels: Tensor) -> None:
    torch.autograd.grad(loss(logits, labels, None), logits)
