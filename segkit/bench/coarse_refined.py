"""Ranked losses beside pytorch-metric-learning and beside a training step; all methods side by side.

A step is the value and its gradients. Images are 2-D, of the size and number of a training on cardiac MRI,
the labels three discs, one in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import RankedListLoss as PeerRankedListLoss
from torch import Tensor

from segkit.bench.timing import Row, Timing, bench_row, compare
from segkit.coarse_refined import (
    CoarseRefined,
    CoarseRefinedNet,
    GridPatchSampler,
    InterPatchRankedLoss,
    IntraPatchRankedLoss,
    RankedListLoss,
    RankedTerms,
)
from segkit.coarse_refined.baselines import (
    URPC,
    CopyPaste,
    CrossPseudoSupervision,
    EntropyMinimisation,
    MCNetPlus,
    MeanTeacher,
    UncertaintyAwareMeanTeacher,
    WeakToStrong,
    ZeroWeight,
)
from segkit.nets import UNet
from segkit.train import Batch, Method, State, seed_everything
from segkit.train.hardware import to_channels_last

LENGTH = 32
"""Of an embedding."""

PEER = "pytorch-metric-learning"
PLAIN = "supervised, unlabelled images pass"


def embeddings(rows: int, *, classes: int = 2) -> tuple[Tensor, Tensor]:
    """Rows on the unit sphere, (rows, 32), half learnt: classes lie apart, but overlap; and their labels."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, (rows,), generator=generator)
    centres = torch.randn(classes, LENGTH, generator=generator)
    z = centres[labels] + 1.5 * torch.randn(rows, LENGTH, generator=generator)
    return F.normalize(z, dim=1).requires_grad_(), labels


def images(side: int, *, each: int = 4) -> Batch:
    """A batch of labelled and unlabelled images of side × side pixels, 4 + 4 of them."""
    generator = torch.Generator().manual_seed(0)
    axis = torch.linspace(-1, 1, side)
    radius = (axis[:, None] ** 2 + axis**2).sqrt()
    label = ((radius < 0.5).long() + (radius < 0.35).long()).expand(2 * each, -1, -1).contiguous()
    image = label[:, None] + 0.5 * torch.randn(2 * each, 1, side, side, generator=generator)
    return {"image": image[:each], "label": label[:each], "unlabelled_image": image[each:]}


def unet(up: str = "nearest") -> UNet:
    """The backbone of all methods."""
    return UNet(2, 1, 3, (12, 24, 48, 96), norm="group", up=up)


def coarse_refined_net() -> CoarseRefinedNet:
    """The same with a refiner and an embedding head."""
    return CoarseRefinedNet(2, 1, 3, (12, 24, 48, 96), embedding=LENGTH)


def crii_net() -> CoarseRefined:
    """The full method."""
    return CoarseRefined(coarse_refined_net(), ranked=both_ranked())


def both_ranked() -> RankedTerms:
    """Both ranked losses with their defaults."""
    inter = InterPatchRankedLoss(3, embedding=LENGTH, sampler=GridPatchSampler(8))
    return RankedTerms(IntraPatchRankedLoss(), inter)


METHODS: Mapping[str, Callable[[], Method]] = {
    PLAIN: lambda: ZeroWeight(unet()),
    "entropy minimisation": lambda: EntropyMinimisation(unet()),
    "mean teacher": lambda: MeanTeacher(unet()),
    "UA-MT, 8 passes": lambda: UncertaintyAwareMeanTeacher(unet()),
    "CPS": lambda: CrossPseudoSupervision(unet(), unet()),
    "URPC, 3 scales": lambda: URPC(unet(), scales=3),
    "MC-Net+": lambda: MCNetPlus([unet(up) for up in ("transpose", "linear", "nearest")]),
    "FixMatch": lambda: WeakToStrong(unet(), views=1, feature_share=0.0),
    "UniMatch": lambda: WeakToStrong(unet()),
    "copy-paste": lambda: CopyPaste(unet()),
    "copy-paste, CRII-Net": lambda: CopyPaste(coarse_refined_net(), ranked=both_ranked()),
    "coarse-refined": lambda: CoarseRefined(coarse_refined_net()),
    "CRII-Net": crii_net,
}
"""Every method that is timed, by name; the first is what the others are compared with."""


def run(*, quick: bool) -> list[Row]:
    """The list loss at four sizes, both ranked losses as a share of a step, then a step of every method."""
    sizes, side, repeats = ((32, 64), 32, 2) if quick else ((512, 1024, 2048, 4096), 128, 9)
    return [
        *(_list_row(n, repeats=repeats) for n in sizes),
        *_share_rows(images(side), repeats=repeats),
        *_method_rows(images(side), repeats=repeats),
    ]


def _list_row(n: int, *, repeats: int) -> Row:
    z, labels = embeddings(n)
    ours = RankedListLoss()
    peer = PeerRankedListLoss(margin=0.4, Tn=5.0, alpha=1.2)
    timings = compare(
        {
            "ours": lambda: torch.autograd.grad(ours(z, labels), z),
            "peer": lambda: torch.autograd.grad(peer(z, labels), z),
        },
        repeats=repeats,
    )
    return bench_row(timings, operation="ranked list loss", size=f"{n} × {LENGTH}", peer=PEER, target=0.2)


def _share_rows(batch: Batch, *, repeats: int) -> list[Row]:
    """The ranked losses, from the drawing of patches to the gradient of features and head, beside a step."""
    seed_everything(0)
    method = crii_net()
    to_channels_last(method)
    net = method.net
    assert isinstance(net, CoarseRefinedNet)
    assert method.ranked is not None
    intra, inter = method.ranked.intra, method.ranked.inter
    assert intra is not None
    assert inter is not None
    whole = CoarseRefined(net)
    # One structure: 8 patches per image, 32 in all.
    binary = {**batch, "label": batch["label"].clamp(max=1)}
    out = net.outputs(batch["image"])
    out = type(out)(*(each.detach().requires_grad_() for each in out))
    wanted = [out.features, *net.embed.parameters()]

    def of_intra(labels: Tensor) -> object:
        terms = intra(out, labels, embed=net.embed, generator=torch.Generator().manual_seed(0))
        return torch.autograd.grad(terms["intra"], wanted)

    def of_inter() -> object:
        generator = torch.Generator().manual_seed(0)
        terms = inter(out, batch["image"], batch["label"], embed=net.embed, generator=generator)
        return torch.autograd.grad(terms["inter"], wanted)

    timings = compare(
        {
            "one structure": lambda: of_intra(binary["label"]),
            "two structures": lambda: of_intra(batch["label"]),
            "inter": of_inter,
            "step": partial(_step, whole, batch),
        },
        repeats=repeats,
    )
    size = " × ".join(map(str, batch["image"].shape))
    named = {
        "one structure": "intra-patch loss, 32 patches of 128 pixels",
        "two structures": "intra-patch loss, 64 patches of 128 pixels",
        "inter": "inter-patch loss, memory of 256",
    }
    return [
        bench_row(
            {"ours": timings[key], "peer": timings["step"]},
            operation=operation,
            size=size,
            peer="coarse-refined step without it",
            target=0.05 if key == "one structure" else None,
        )
        for key, operation in named.items()
    ]


def _method_rows(batch: Batch, *, repeats: int) -> list[Row]:
    methods: dict[str, Method] = {}
    for name, build in METHODS.items():
        seed_everything(0)
        methods[name] = build()
        to_channels_last(methods[name])
    timings: dict[str, Timing] = compare(
        {name: partial(_step, method, batch) for name, method in methods.items()}, repeats=repeats
    )
    return [
        bench_row(
            {"ours": timings[name], "peer": timings[PLAIN]},
            operation=f"step: {name}",
            size=f"{len(batch['image'])} + {len(batch['unlabelled_image'])} × {batch['image'].shape[-1]}²",
            peer=PLAIN,
        )
        for name in METHODS
        if name != PLAIN
    ]


def _step(method: Method, batch: Batch) -> None:
    """Terms, gradients, and what follows an update; the weights stay."""
    state = State(50, 100, torch.Generator().manual_seed(0))
    method.zero_grad()
    method(batch, state)["total"].backward()
    method.after_update(state)
