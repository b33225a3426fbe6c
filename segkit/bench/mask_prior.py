"""What masks cost once per case, and what their channels cost per step.

Two rows stand beside a limit that was stated beforehand in place of a peer: its time is the `peer_ms`, its
memory the `peer_peak_mb`, and a ratio up to 1 keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count

import numpy as np
import torch
from torch import Tensor

from segkit.bench.timing import Row, Timing, bench_row, compare
from segkit.data import Case, PatchBatches, load, locate, phantom, signed_distance_mm
from segkit.losses import DiceCELoss
from segkit.mask_prior import (
    MaskPrior,
    SignedDistanced,
    body_mask,
    ct_masks,
    parent_mask,
    torso_phantom,
    widen_input,
    with_channels,
    with_maps,
)
from segkit.mask_prior.regions import largest_part
from segkit.nets import UNet
from segkit.train import State

BODY_MS, BODY_VOLUMES, ALL_MASKS_MS, STEP_RATIO = 5000.0, 6.0, 1000.0, 1.03
"""Limits: a body mask in 5 s and 6 times the volume's bytes, all masks of a case in 1 s, scenario 2 at 1.03
times the step of the baseline."""


def run(*, quick: bool) -> list[Row]:
    """Rows: body mask of a large CT, masks of a head, the peer's morphology, distances, training steps."""
    torso = torso_phantom(
        *((30, 64, 64), (12.0, 7.0, 7.0)) if quick else ((150, 512, 512), (2.5, 0.85, 0.85)),
        tube=True,
        metal=True,
    )
    repeats = 1 if quick else 5
    rows = [
        within(
            lambda: body_mask(torso),
            operation="body mask of a CT",
            case=torso,
            limit_ms=BODY_MS,
            limit_mb=BODY_VOLUMES * torso.image.nbytes / 2**20,
            repeats=repeats,
        )
    ]
    head = head_case(quick=quick)
    rows.append(
        within(
            lambda: ct_masks(head),
            operation=f"six masks of {head.id}",
            case=head,
            limit_ms=ALL_MASKS_MS,
            limit_mb=None,
            repeats=repeats,
        )
    )
    chest = torso_phantom(*((12, 40, 56), (9.0, 8.0, 8.0)) if quick else ((75, 256, 256), (5.0, 1.7, 1.7)))
    timings = compare(
        {"ours": lambda: body_mask(chest), "peer": lambda: body_by_distances(chest)},
        repeats=repeats,
        warm_up=1,
    )
    rows.append(bench_row(timings, operation="body mask", size=_size(chest), peer="scikit-image", target=1.0))
    rows += [distance_row(repeats=3 if quick else 21), *step_rows(quick=quick)]
    return rows


def within(
    operation_: Callable[[], object],
    *,
    operation: str,
    case: Case,
    limit_ms: float,
    limit_mb: float | None,
    repeats: int,
) -> Row:
    """A row that holds an operation against limits in milliseconds and MiB."""
    timing = compare({"ours": operation_}, repeats=repeats, warm_up=1)["ours"]
    limits = {"ours": timing, "peer": Timing((limit_ms,), limit_mb)}
    return bench_row(limits, operation=operation, size=_size(case), peer="limit", target=1.0)


def head_case(*, quick: bool) -> Case:
    """A head-and-neck CT on the grid of OpenKBP: a real one where the set is at hand, else a phantom."""
    if quick:
        return phantom("ct_head_neck", 0, shape=(32, 36, 40))
    if locate("openkbp") is not None:
        return load("openkbp", "train")[0]
    return phantom("ct_head_neck", 0, shape=(128, 128, 128))


def body_by_distances(case: Case) -> np.ndarray:
    """The same mask by scikit-image's isotropic morphology and SciPy's filling."""
    from scipy.ndimage import binary_fill_holes
    from skimage.morphology import isotropic_closing, isotropic_opening

    assert case.spacing_mm is not None
    found = isotropic_opening(case.image[0].numpy() > -300, 6.0, spacing=case.spacing_mm)
    body, _ = largest_part(found)
    body = isotropic_closing(body, 4.0, spacing=case.spacing_mm)
    return np.stack([binary_fill_holes(part) for part in body])


def distance_row(*, repeats: int) -> Row:
    """Two patches with a distance that the case carries, beside one that is computed in the step."""
    case = phantom("hippocampus", 0)
    case = with_channels(with_maps(case, mask=parent_mask(case)), [SignedDistanced(scale_mm=20)])
    make = partial(PatchBatches, [case], patch=(32, 48, 32), batch_size=2, seed=0)
    carried, plain = make(keys=("image", "label", "distance")), make(keys=("image", "label", "mask"))
    first, second = count(), count()

    def in_the_step() -> Tensor:
        batch = plain[next(second)]
        return torch.stack([signed_distance_mm(mask, case.spacing_mm) for mask in batch["mask"]])

    timings = compare({"ours": lambda: carried[next(first)], "peer": in_the_step}, repeats=repeats)
    return bench_row(
        timings,
        operation="batch with a signed distance",
        size="2 × 32 × 48 × 32",
        peer="distance computed in the step",
        target=0.5,
    )


def step_rows(*, quick: bool) -> list[Row]:
    """Forward, backward and update of scenario 2 beside the baseline, in 2-D and 3-D."""
    rows = []
    for shape, batch in (((40, 56, 40), 2), ((96, 96), 8)):
        size = tuple(n // 4 for n in shape) if quick else shape
        torch.manual_seed(0)
        dims = len(shape)
        narrow, wide = (UNet(dims, channels, 3) for channels in (1, 2))
        widen_input(narrow, wide)
        options = {"channels": {"mask": 1}}
        timings = compare(
            {
                "ours": _step(MaskPrior(wide, DiceCELoss(), scenario="image+mask", **options), batch, size),
                "peer": _step(MaskPrior(narrow, DiceCELoss(), scenario="image", **options), batch, size),
            },
            repeats=3 if quick else 21,
        )
        rows.append(
            bench_row(
                timings,
                operation=f"{dims}-D training step, image and mask",
                size=" × ".join(map(str, (batch, *size))),
                peer="image alone",
                target=STEP_RATIO,
            )
        )
    return rows


def _step(method: MaskPrior, batch: int, size: tuple[int, ...]) -> Callable[[], None]:
    layout = torch.channels_last if len(size) == 2 else torch.channels_last_3d
    method = method.to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(method.parameters())
    label = torch.randint(0, 3, (batch, *size))
    sample = {"image": torch.randn(batch, 1, *size), "label": label, "mask": label > 0}
    state = State(0, 1, torch.Generator().manual_seed(0))

    def call() -> None:
        optimizer.zero_grad()
        method.step(sample, state)["total"].backward()
        optimizer.step()

    return call


def _size(case: Case) -> str:
    return " × ".join(map(str, case.shape))
