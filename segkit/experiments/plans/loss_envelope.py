"""Chapter 4: does trimming voxels, or selecting images, help against labels that are wrong on purpose?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import nn

from segkit.data import Augment, WholeBatches
from segkit.experiments.draw import Draw
from segkit.experiments.plan import Arm, Plan
from segkit.experiments.plans import _acdc as acdc
from segkit.experiments.plans import _hc18 as hc18
from segkit.experiments.plans._envelope import LOSSES, Terms, plain
from segkit.nets import UNet, ViTSegmenter
from segkit.train import Method, Supervised

PATIENTS, SLICES = 12, 60
"""Few images, as the paper has it: of so many patients, so many slices."""

WIDTHS = (8, 16, 32, 64)
"""Channels of the U-Net, one convolution per level."""

UPDATES = 400
"""Where the Dice of validation cases has nearly stopped rising on clean labels; see `plateau`."""

RATE = 5e-3
"""Learning rate of the U-Net at the top of the cycle."""


VIT_RATES, VIT_RATE = (3e-3, 1e-2, 3e-2), 1e-2
"""The same for the transformer: three, between which validation hardly decides (`vit_rates`); the middle."""


def training_slices(draw: Draw, *, slices: int = SLICES, batch_size: int = 8) -> WholeBatches:
    """Some slices of the training patients, turned and scaled a little each time."""
    chosen = acdc.choose(acdc.slices_of(draw.train), slices, draw.generator("slices"))
    augment = Augment(rotate_deg=20, scale=0.15)
    return WholeBatches(chosen, batch_size=batch_size, seed=draw.seed("batches"), augment=augment)


def method(
    draw: Draw, *, loss: str = "plain", knob: float = 0.0, net: str = "unet", **options: Any
) -> acdc.SliceWise:
    """A 2-D net for volumes, under one of the losses."""
    build: Callable[[], nn.Module] = partial(UNet, 2, 1, draw.n_classes, WIDTHS, convs=1)
    if net == "vit":
        build = partial(ViTSegmenter, 2, 1, draw.n_classes, acdc.HEART_GRID)
    return acdc.SliceWise(draw.module(build), terms(loss, knob, draw.n_classes, options))


def whole_image(draw: Draw, *, loss: str = "plain", knob: float = 0.0, **options: Any) -> Supervised:
    """The same U-Net for images."""
    net = draw.module(partial(UNet, 2, 1, draw.n_classes, WIDTHS, convs=1))
    return Supervised(net, terms(loss, knob, draw.n_classes, options))


def terms(loss: str, knob: float, classes: int, options: dict[str, Any]) -> Terms:
    """A loss by name; "plain" has no knob."""
    if loss == "plain":
        return plain()
    more = {"classes": classes} if loss == "weighted" or "weight" in options else {}
    return LOSSES[loss].build(knob, **options, **more)


def training_images(draw: Draw, *, batch_size: int = 8) -> WholeBatches:
    """Ultrasound images, turned and scaled a little each time."""
    augment = Augment(rotate_deg=20, scale=0.15)
    return WholeBatches(draw.train, batch_size=batch_size, seed=draw.seed("batches"), augment=augment)


def rare_slices(
    draw: Draw, *, slices: int = SLICES, rare: int = SLICES // 10, batch_size: int = 8
) -> WholeBatches:
    """As `training_slices`, but `rare` of them with inverted contrast."""
    planes = acdc.slices_of(draw.train)
    planes = acdc.choose(planes, len(planes), draw.generator("slices"))
    common = [plane for plane in planes if acdc.INVERTED not in plane.id]
    unusual = [plane for plane in planes if acdc.INVERTED in plane.id]
    augment = Augment(rotate_deg=20, scale=0.15)
    return WholeBatches(
        common[: slices - rare] + unusual[:rare],
        batch_size=batch_size,
        seed=draw.seed("batches"),
        augment=augment,
    )


class Choice(NamedTuple):
    """A loss, its number, and what else it is told."""

    loss: str
    knob: float
    options: Mapping[str, Any] = MappingProxyType({})

    def arm(self, build: Callable[..., Method] = method, **more: Any) -> Arm:
        """An arm in the words of `LOSSES`."""
        words = [LOSSES[self.loss].words.format(f"{self.knob:g}")]
        words += [f"{name} {value}" for name, value in self.options.items()]
        return Arm(", ".join(words), partial(build, loss=self.loss, knob=self.knob, **self.options, **more))


PLAIN = Arm("cross-entropy", method)
VIT = Arm("cross-entropy", partial(method, net="vit"))

COMMON: dict[str, Any] = {
    "slug": "loss_envelope",
    "dataset": "acdc",
    "prepare": acdc.around_heart,
    "baseline": "plain",
    "batches": training_slices,
    "updates": UPDATES,
    "training": {"lr": RATE, **acdc.TRAINING},
    "noise": acdc.noisy_slices,
}


def labels(noise: str, rate: float = 0.0) -> dict[str, Any]:
    """A setting: so many patients, and what is wrong with their labels."""
    return {"n_labelled": PATIENTS, "noise": noise, "rate": rate}


CHOSEN = {
    "weighted": Choice("weighted", 6.0),
    "focal": Choice("focal", 2.0),
    "ohem": Choice("ohem", 0.5),
    "hardest": Choice("hardest", 0.5),
    "gce": Choice("gce", 0.5),
    "sce": Choice("sce", 0.1),
    "t_loss": Choice("t_loss", 100.0),
    "share": Choice("share", 0.1),
    "equal": Choice("equal", 0.2),
    "adaptive": Choice("spread_background", 0.5),
    "images": Choice("images", 0.5),
    "trimmed weighted": Choice("spread_background", 0.5, {"weight": 8.0}),
    "both": Choice("spread_background", 1.0, {"weight": 4.0, "top_k": 0.5}),
    "both smooth": Choice("spread_background", 1.0, {"weight": 4.0, "top_k": 0.5, "smooth": True}),
    "default": Choice("spread", 2.0),
}
"""Each loss with the value that had the highest validation Dice under dropped parts (`choices`, `forms`,
`weights`); but "default", the library's, had to cost nothing on right labels, and "both smooth" takes its
values from "both"."""

DROPPED = labels("drop", 0.8)
METRICS = ("dice", "hd95_mm", "band_dice", "volume_error")

WEIGHTS = (6.0, 12.0, 16.0, 24.0, 32.0)
"""More values for the control that could explain a gain of trimming away."""

FORMS: dict[str, dict[str, Any]] = {
    "Dice on all": {"dice_on": "all"},
    "early": {"start": (0.0, 0.1)},
    "late": {"start": (0.3, 0.4)},
    "κ = 0.5": {"top_k": 0.5},
    "κ = 0.75": {"top_k": 0.75},
    "smooth": {"smooth": True},
    "smooth κ = 0.5": {"smooth": True, "top_k": 0.5},
}
"""Changes to an arm that trims, one at a time."""

PLANS = {
    "plateau": Plan(
        experiment="plateau",
        question="From how many updates on does more training change nothing, with right and wrong labels?",
        arms={"plain": PLAIN, "both": CHOSEN["both"].arm()},
        settings=tuple(
            {**setting, "updates": updates}
            for setting in (labels("none"), DROPPED)
            for updates in (100, 200, 400, 800, 1600)
        ),
        draws=5,
        **COMMON,
    ),
    "noise": Plan(
        experiment="noise",
        question="Which loss bears labels that lack parts, and what does it cost where they lack none?",
        arms={"plain": PLAIN, **{name: choice.arm() for name, choice in CHOSEN.items()}},
        settings=(DROPPED, labels("none"), labels("drop", 0.4)),
        metrics=METRICS,
        **COMMON,
    ),
    "borders": Plan(
        experiment="borders",
        question="Is it robustness or a shift of the volume? Borders moved in, moved out, and shaken.",
        arms={
            "plain": PLAIN,
            **{
                name: CHOSEN[name].arm()
                for name in ("weighted", "share", "equal", "trimmed weighted", "both")
            },
            "weighted down": Choice("weighted", 0.5).arm(),
        },
        settings=(
            labels("erode", 0.8),
            labels("dilate", 0.8),
            labels("jitter", 0.8),
            labels("erode", 0.4),
            labels("dilate", 0.4),
        ),
        metrics=METRICS,
        **COMMON,
    ),
    "vit": Plan(
        experiment="vit",
        question="The same losses, as tuned for the U-Net, on a transformer.",
        arms={
            "plain": VIT,
            **{
                name: CHOSEN[name].arm(net="vit")
                for name in (
                    "weighted",
                    "gce",
                    "trimmed weighted",
                    "both",
                    "both smooth",
                    "default",
                )
            },
        },
        settings=(DROPPED, labels("none")),
        metrics=METRICS,
        **{**COMMON, "training": {**COMMON["training"], "lr": VIT_RATE}},
    ),
    "vit_rates": Plan(
        experiment="vit_rates",
        question="Which learning rate suits the transformer? Right labels, two draws, validation part.",
        arms={
            f"{rate:.2g}": Arm(f"learning rate {rate:.2g}", VIT.method, training={"lr": rate})
            for rate in VIT_RATES
        },
        settings=(labels("none"),),
        draws=range(100, 102),
        part="validation",
        watched=8,
        **{**COMMON, "baseline": f"{VIT_RATE:.2g}"},
    ),
    "ultrasound": Plan(
        experiment="ultrasound",
        question="One structure that fills a quarter of the image: what does trimming cost on right labels?",
        arms={
            "plain": Arm("cross-entropy", whole_image),
            **{
                name: choice.arm(whole_image)
                for name, choice in {
                    **{f"share {share:g}": Choice("share", share) for share in (0.02, 0.05, 0.1)},
                    "equal 0.1": Choice("equal", 0.1),
                    "adaptive 2": Choice("spread", 2.0),
                    "weighted 2": Choice("weighted", 2.0),
                    "hardest 0.1": Choice("hardest", 0.1),
                }.items()
            },
        },
        settings=tuple(
            {"n_labelled": 40, "noise": noise, "rate": 0.8 if noise != "none" else 0.0}
            for noise in ("none", "erode", "dilate", "drop")
        ),
        metrics=("dice", "hd95_mm", "volume_error"),
        predict_batch=20,
        **{
            **COMMON,
            "dataset": "hc18",
            "prepare": hc18.prepare,
            "noise": hc18.noisy,
            "batches": training_images,
        },
    ),
    "images": Plan(
        experiment="images",
        question="One training slice in ten has an inverted contrast. Does selecting images help those?",
        arms={
            "plain": PLAIN,
            **{f"κ = {share:g}": Choice("images", share).arm() for share in (0.75, 0.5, 0.25)},
            "κ = 0.5 smooth": Choice("images", 0.5, {"smooth": True}).arm(),
            "κ = 0.5 of 16": Arm(
                "the 0.5 of twice as many images with the largest loss",
                partial(method, loss="images", knob=0.5),
                partial(rare_slices, batch_size=16),
            ),
        },
        settings=(labels("none"),),
        **{**COMMON, "prepare": acdc.in_two_contrasts, "batches": rare_slices},
    ),
    "choices": Plan(
        experiment="choices",
        question="Which value suits which loss? Three of each, two draws, validation part.",
        arms={
            "plain": PLAIN,
            **{
                f"{loss} {knob:g}": Choice(loss, knob).arm()
                for loss, (_, _, knobs) in LOSSES.items()
                for knob in knobs
            },
        },
        settings=(labels("drop", 0.8), labels("none")),
        draws=range(100, 102),
        part="validation",
        **COMMON,
    ),
    "forms": Plan(
        experiment="forms",
        question="Which form of the envelope: start, Dice, both levels? And how heavy the control?",
        arms={
            "plain": PLAIN,
            **{
                f"weighted {weight:g}": Choice("weighted", weight).arm()
                for weight in (6.0, 12.0, 16.0, 24.0, 32.0)
            },
            **{f"gce {q:g}": Choice("gce", q).arm() for q in (0.8, 0.9)},
            **{
                f"{loss} {knob:g} {name}": Choice(loss, knob, options).arm()
                for loss, knob in (("background", 0.05), ("spread_background", 1.0))
                for name, options in FORMS.items()
            },
        },
        settings=(labels("drop", 0.8), labels("none")),
        draws=range(100, 102),
        part="validation",
        **COMMON,
    ),
    "weights": Plan(
        experiment="weights",
        question="Does trimming add to class weights, the control that could explain it away?",
        arms={
            "plain": PLAIN,
            **{
                f"{loss} {knob:g} weight {weight:g} κ = {top_k:g}": Choice(
                    loss, knob, {"weight": weight, "top_k": top_k}
                ).arm()
                for loss, knob in (
                    ("background", 0.05),
                    ("spread_background", 1.0),
                    ("spread_background", 0.5),
                )
                for weight in (4.0, 8.0)
                for top_k in (1.0, 0.5)
            },
        },
        settings=(labels("drop", 0.8), labels("none")),
        draws=range(100, 102),
        part="validation",
        **COMMON,
    ),
}
