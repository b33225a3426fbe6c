"""Networks and saved weights that fit each other, or nearly, and what a loader makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

Weights = Mapping[str, Tensor]
Load = Callable[[nn.Module, Weights, Sequence[str]], Any]


class SmallNet(nn.Module):
    """The network of the task: convolutions with batch norm, a head, and perhaps a second one.

    Args:
        channels: of the image and of each level.
        classes: outputs of the head.
        second_head: whether there is a part whose name begins like "head".
    """

    def __init__(
        self, channels: Sequence[int] = (1, 4, 8), classes: int = 3, *, second_head: bool = False
    ) -> None:
        super().__init__()
        self.encoder = nn.Sequential()
        for before, after in pairwise(channels):
            self.encoder.append(nn.Conv2d(before, after, 3, bias=False))
            self.encoder.append(nn.BatchNorm2d(after))
        self.head = nn.Conv2d(channels[-1], classes, 1)
        if second_head:
            self.head_of_level_1 = nn.Conv2d(channels[1], classes, 1)


@dataclass(frozen=True)
class Scene:
    """A network with saved weights for it.

    Attributes:
        told: how a hint begins that is about it.
        channels, classes: of the network that is to be filled.
        saved: channels of the one that was saved.
        prefix: what stands before the names that were saved.
        fresh: parts that shall stay as they are.
        second_head: whether both have one.
    """

    told: str
    channels: tuple[int, ...] = (1, 4, 8)
    classes: int = 3
    saved: tuple[int, ...] = (1, 4, 8)
    prefix: str = ""
    fresh: tuple[str, ...] = ()
    second_head: bool = False

    def made(self) -> tuple[SmallNet, dict[str, Tensor]]:
        """The network, and the saved weights, of which none equals a tensor of the network."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = SmallNet(self.channels, self.classes, second_head=self.second_head)
            old = SmallNet(self.saved, second_head=self.second_head)
            for value in old.state_dict().values():
                value.fill_(7) if value.ndim == 0 else value.uniform_(2, 3)
        return net, {self.prefix + name: value for name, value in old.state_dict().items()}


SCENES = {
    "as saved": Scene("For the network that was saved"),
    "fresh head": Scene("For one with other classes and a fresh head", classes=5, fresh=("head",)),
    "two heads": Scene("For one with two heads, of which `head` is fresh", second_head=True, fresh=("head",)),
    "other classes": Scene("For one with other classes, and nothing fresh", classes=5),
    "deeper": Scene("For a deeper one", channels=(1, 4, 8, 8)),
    "shallower": Scene("For one that lacks the last level that was saved", saved=(1, 4, 8, 8)),
    "prefixed": Scene("For weights whose names begin with `net.`", prefix="net."),
}

Outcome = tuple[str, tuple[str, ...], tuple[str, ...] | None]


def outcome(load: Any, notes: dict[str, str]) -> Any:
    """The function that tells what a loader does in a scene.

    It returns how it ended, the tensors that hold saved values afterwards, and the names that were returned;
    None where nothing was done at all. What was raised is noted under the beginning of the scene's hint.
    """

    def tried(scene: Scene) -> Outcome | None:
        net, weights = scene.made()
        given = {name: value.clone() for name, value in weights.items()}
        try:
            returned = load(net, weights, scene.fresh)
        except Exception as error:
            notes[scene.told] = f"{type(error).__name__}: {error}"
            return "refused", _filled(net, given, scene), None
        filled = _filled(net, given, scene)
        if returned is None or returned is Ellipsis or isinstance(returned, str):
            return ("silent", filled, None) if filled else None
        try:
            return "loaded", filled, tuple(sorted(map(str, returned)))
        except TypeError:
            return "silent", filled, None

    return tried if callable(load) else load


def _filled(net: nn.Module, weights: Weights, scene: Scene) -> tuple[str, ...]:
    saved = {name.removeprefix(scene.prefix): value for name, value in weights.items()}
    mine = net.state_dict()
    return tuple(sorted(name for name, w in saved.items() if name in mine and torch.equal(mine[name], w)))
