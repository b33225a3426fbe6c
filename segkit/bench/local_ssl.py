"""A step of local self-supervision beside other steps on the same views, and views beside other libraries.

Every step is forward, backward and the update of the moving average where there is one, without the
optimiser, of one U-Net in channels-last memory. Views are cut, scaled and mirrored and keep their
intensities; each library is called in the way that asks the least of it: one resampling per view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.bench.timing import Row, Timing, bench_row, compare
from segkit.data import Case, phantoms, z_score
from segkit.local_ssl import (
    GlobalConsistency,
    Intensity,
    LocalConsistency,
    LocalPretraining,
    Scene,
    TwoBoxes,
    ViewBatches,
    symmetric_consistency,
)
from segkit.local_ssl.terms import halves
from segkit.nets import PointwiseHead, UNet
from segkit.train import State
from segkit.train.hardware import to_channels_last

TAP = "bottom"
SCALE = (1.1, 1.4)
SIZES = {"hippocampus": (24, 32, 24), "ct_head_neck": (16, 96, 96)}
"""Kind of phantom → voxels of a view. The second is the view of the paper's re-implementation."""


def run(*, quick: bool) -> list[Row]:
    """Steps, what alignment and views take of them, and views per second beside MONAI and TorchIO."""
    return [*_steps(quick=quick), *_views(quick=quick)]


def pretraining(net: UNet, kind: str, points: Sequence[int]) -> LocalPretraining:
    """The method with one term at the bottom of a net: "local" (PGL) or "global" (BYOL), with like heads."""
    term = LocalConsistency(net, TAP, points=points) if kind == "local" else GlobalConsistency(net, TAP)
    method = LocalPretraining(net, {kind: term})
    to_channels_last(method)
    return method


def _steps(*, quick: bool) -> list[Row]:
    shape, pairs = ((8, 16, 8), 2) if quick else ((32, 32, 32), 4)
    # Two boxes that share a half to all of an axis share three quarters of its features on the average.
    points = tuple(n * 3 // 16 for n in shape)
    cases = [z_score(case) for case in phantoms("hippocampus", 4)]
    boxes = TwoBoxes(shape, scale=(0.8, 1.0), overlap=0.5, flip_axes=(0, 1, 2))
    batches = ViewBatches(cases, boxes, batch_size=pairs, seed=0, intensity=Intensity())
    batch, number = batches[0], count()

    def new() -> UNet:
        return UNet(3, 1, 2, (4, 8, 8) if quick else (16, 32, 64))

    operations: dict[str, Callable[[], object]] = {
        "local": _step(pretraining(new(), "local", points), batch),
        "global": _step(pretraining(new(), "global", points), batch),
        "supervised": _supervised(new(), batch),
        "alignment": _alignment(pretraining(new(), "local", points), batch),
        "views": lambda: batches[next(number)],
    }
    timings = compare(operations, repeats=3 if quick else 11)
    size = " × ".join(map(str, (2 * pairs, 1, *shape)))

    def row(operation: str, ours: str, peer: str, name: str, target: float) -> Row:
        beside = {"ours": timings[ours], "peer": timings[peer]}
        return bench_row(beside, operation=operation, size=size, peer=name, target=target)

    return [
        row("PGL step", "local", "global", "BYOL step, same net and views", 1.10),
        row("PGL step", "local", "supervised", "supervised step of the encoder, same views", 2.3),
        row("points, alignment and loss, value and gradient", "alignment", "local", "PGL step", 0.05),
        row("views of a batch, with intensities", "views", "local", "PGL step", 0.05),
    ]


def _step(method: LocalPretraining, batch: dict[str, Tensor]) -> Callable[[], None]:
    state = State(1, 100, torch.Generator())

    def call() -> None:
        method.zero_grad(set_to_none=True)
        method(batch, state)["total"].backward()
        method.after_update(state)

    return call


def _supervised(net: UNet, batch: dict[str, Tensor]) -> Callable[[], None]:
    """Cross-entropy of a linear head on the encoder's coarsest features."""
    views = torch.cat([batch["view1"], batch["view2"]])
    to_channels_last(net)
    head = PointwiseHead(net.taps[TAP].channels, [], net.n_classes)
    with torch.no_grad():
        coarse = net.forward_features(views, [TAP])[TAP]
    labels = torch.randint(0, net.n_classes, (len(coarse), *coarse.shape[2:]))

    def call() -> None:
        net.zero_grad(set_to_none=True)
        F.cross_entropy(head(net.forward_features(views, [TAP])[TAP]), labels).backward()

    return call


def _alignment(method: LocalPretraining, batch: dict[str, Tensor]) -> Callable[[], None]:
    """What a local step does beyond networks and heads: points, reading both networks' features, the loss."""
    term: Any = method.terms["local"]
    with torch.no_grad():
        features = method.net.forward_features(torch.cat([batch["view1"], batch["view2"]]), [TAP])[TAP]
    online = features.clone().requires_grad_()

    def call() -> None:
        scene = Scene.of(batch)
        points = scene.shared(term.points, term.cells)
        predictions = scene.read(online, points, term.cells)
        targets = scene.read(features, points, term.cells)
        valid = points.valid.chunk(2)[0]
        torch.autograd.grad(symmetric_consistency(halves(predictions), halves(targets), valid=valid), online)

    return call


def _views(*, quick: bool) -> list[Row]:
    rows = []
    for kind, shape in SIZES.items():
        view = tuple(n // 4 for n in shape) if quick else shape
        cases = [z_score(case) for case in phantoms(kind, 2)]
        boxes = TwoBoxes(view, scale=SCALE, flip_axes=(0, 1, 2))
        batches, number = ViewBatches(cases, boxes, batch_size=4, seed=0), count()

        def ours(batches: ViewBatches = batches, number: Any = number) -> object:
            return batches[next(number)]

        operations: dict[str, Callable[[], object]] = {
            "ours": ours,
            "monai RandAffine": partial(_from_monai, cases, _monai(cases[0].shape, view)),
            "torchio RandomAffine": partial(_from_torchio, *_torchio(cases, view)),
        }
        timings: dict[str, Timing] = compare(operations, repeats=3 if quick else 15)
        for peer in list(operations)[1:]:
            rows.append(
                bench_row(
                    {"ours": timings["ours"], "peer": timings[peer]},
                    operation="8 views, cropped, scaled, mirrored",
                    size=" × ".join(map(str, view)),
                    peer=peer,
                    target=1 / 3,
                )
            )
    return rows


def _monai(volume: Sequence[int], view: Sequence[int]) -> list[Any]:
    """One resampling from the volume straight to the view; its grid is that of the view."""
    from monai.transforms import RandAffine, RandFlip

    middle = sum(SCALE) / 2
    affine = RandAffine(
        prob=1.0,
        scale_range=[(SCALE[0] - 1, SCALE[1] - 1)] * len(view),
        translate_range=[max(0.0, (v - middle * n) / 2) for v, n in zip(volume, view, strict=True)],
        spatial_size=view,
        mode="bilinear",
        padding_mode="border",
    )
    return [affine, *(RandFlip(prob=0.5, spatial_axis=axis) for axis in range(len(view)))]


def _from_monai(cases: Sequence[Case], transforms: Sequence[Any]) -> Tensor:
    made = []
    for i in range(8):
        image: Any = cases[i % len(cases)].image
        for transform in transforms:
            image = transform(image)
        made.append(torch.as_tensor(image).as_subclass(Tensor))
    return torch.stack(made)


def _torchio(cases: Sequence[Case], view: Sequence[int]) -> tuple[list[Any], Any, Any]:
    """Subjects, a sampler of patches as large as the largest box, and what makes a view of such a patch."""
    import torchio as tio

    largest = [min(v, round(SCALE[1] * n + 0.5)) for v, n in zip(cases[0].shape, view, strict=True)]
    subjects = [tio.Subject(image=tio.ScalarImage(tensor=case.image)) for case in cases]
    zoom = (1 / SCALE[1], 1 / SCALE[0])
    chain = tio.Compose(
        [
            tio.RandomAffine(scales=zoom, degrees=0, translation=0),
            tio.CropOrPad(tuple(view)),
            tio.RandomFlip(axes=(0, 1, 2), flip_probability=0.5),
        ]
    )
    return subjects, tio.UniformSampler(tuple(largest)), chain


def _from_torchio(subjects: Sequence[Any], sampler: Any, chain: Any) -> Tensor:
    made = []
    for i in range(8):
        patch = next(iter(sampler(subjects[i % len(subjects)], 1)))
        made.append(chain(patch)["image"].data)
    return torch.stack(made)
