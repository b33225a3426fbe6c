"""Pre-trained weights into a network, with a report of every tensor: loaded, widened, or left as it was.

`load_state_dict(strict=False)` says nothing of a misspelt prefix, a deeper encoder or a part that was never
trained, and the network then starts at random without anybody noticing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from segkit.errors import CheckpointError
from segkit.train import Checkpoint, load_checkpoint

NOT_TRAINED = "not pre-trained"
NOT_THERE = "not in the checkpoint"
FRESH = "kept fresh as asked for"


@dataclass(frozen=True)
class LoadReport:
    """What became of every tensor of a network.

    Attributes:
        source: where the weights come from.
        loaded: names of tensors that were copied.
        widened: name → shapes, for tensors that were copied into a larger one, the rest of which is 0.
        left: name → reason, for tensors that stay as they were.
    """

    source: str
    loaded: tuple[str, ...]
    widened: Mapping[str, str]
    left: Mapping[str, str]

    @property
    def pretrained(self) -> tuple[str, ...]:
        """Names of the tensors that now hold pre-trained weights."""
        return (*self.loaded, *self.widened)

    def __str__(self) -> str:
        lines = [
            f"{self.source}: {len(self.loaded)} loaded, {len(self.widened)} widened, {len(self.left)} left"
        ]
        lines += [f"  loaded   {name}" for name in self.loaded]
        lines += [f"  widened  {name}: {shapes}" for name, shapes in self.widened.items()]
        lines += [f"  left     {name}: {reason}" for name, reason in self.left.items()]
        return "\n".join(lines)


def load_pretrained(
    net: nn.Module,
    checkpoint: str | Path | Checkpoint | Mapping[str, Tensor],
    *,
    only: Sequence[str] | None = None,
    fresh: Sequence[str] = (),
    widen_input: bool = False,
) -> LoadReport:
    """Copy pre-trained weights into a network, or refuse and change nothing.

    Args:
        net: takes the weights.
        checkpoint: the folder of a checkpoint or of a run, a checkpoint that was read, or tensors by name.
        only: names of the tensors, or of the modules ("encoders", "decoders.1"), that were pre-trained. By
            default what the run's `config` lists as "pretrained" (`LocalPretraining.trained`), and without
            such a list everything.
        fresh: names of tensors or modules of `net` that shall stay as they are ("head").
        widen_input: let a convolution of `net` have more input channels than the pre-trained one, at the end,
            as for an image with a mask behind it. Their weights become 0, so that the network begins by not
            seeing them.

    Returns:
        The report; `print` shows it line by line.

    Raises:
        CheckpointError: the checkpoint is missing or damaged; a pre-trained tensor does not exist in `net` or
            has another shape there; `net` has further tensors in a part that was pre-trained, such as a
            deeper encoder; a name in `only` or `fresh` fits nothing; nothing would be loaded. Everything
            that does not fit is named.

    Example:
        >>> from segkit.nets import UNet
        >>> first, second = UNet(2, 1, 2, (4, 8)), UNet(2, 1, 5, (4, 8))
        >>> report = load_pretrained(second, first.state_dict(), fresh=["head"])
        >>> len(report.loaded), list(report.left)
        (22, ['head.mix.conv.weight', 'head.mix.conv.bias'])
    """
    source, weights, listed = _read(checkpoint)
    if only is None:
        only = listed if listed is not None else list(weights)
    mine = net.state_dict()
    for name in only:
        if not _matching(name, weights):
            raise CheckpointError(f"{source} has no tensor or module {name!r}: it has {_modules(weights)}")
    for name in fresh:
        if not _matching(name, mine):
            raise CheckpointError(f"the network has no tensor or module {name!r}: it has {_modules(mine)}")
    kept = {name for each in fresh for name in _matching(each, mine)}
    wanted = [name for name in weights if any(_belongs(name, each) for each in only)]
    wanted = [name for name in wanted if not any(_belongs(name, each) for each in fresh)]

    loaded, widened, wrong = [], {}, []
    for name in wanted:
        there = tuple(weights[name].shape)
        if name not in mine:
            wrong.append(f"{name!r} does not exist in the network")
        elif there == (here := tuple(mine[name].shape)):
            loaded.append(name)
        elif widen_input and _has_more_inputs(there, here):
            widened[name] = f"{there} → {here}"
        else:
            wrong.append(f"{name!r} has shape {there} there and {here} in the network")
    left = {}
    parts = {name.split(".")[0] for name in wanted}
    for name in mine:
        if name in wanted:
            continue
        if name in kept:
            left[name] = FRESH
        elif name in weights:
            left[name] = NOT_TRAINED
        elif name.split(".")[0] in parts:
            wrong.append(f"{name!r} of the network is in a pre-trained part but not in the checkpoint")
        else:
            left[name] = NOT_THERE
    if wrong or not wanted:
        raise CheckpointError(
            f"{source} does not fit the network, which is unchanged: "
            f"{'; '.join(wrong) or 'nothing to load'}. Build the network as it was pre-trained, or name in "
            "`fresh` what shall start anew"
        )
    with torch.no_grad():
        for name in loaded:
            mine[name].copy_(weights[name])
        for name in widened:
            mine[name].zero_()[:, : weights[name].shape[1]] = weights[name].to(mine[name])
    return LoadReport(source, tuple(loaded), widened, left)


def _read(
    checkpoint: str | Path | Checkpoint | Mapping[str, Tensor],
) -> tuple[str, Mapping[str, Tensor], list[str] | None]:
    """Where the weights come from, the weights, and the names that were trained, if told."""
    if isinstance(checkpoint, Mapping):
        return "the given weights", checkpoint, None
    found = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(checkpoint)
    return str(found.folder), found.weights, found.config.get("pretrained")


def _belongs(name: str, to: str) -> bool:
    return name == to or name.startswith(f"{to}.")


def _matching(name: str, tensors: Mapping[str, Tensor]) -> list[str]:
    return [each for each in tensors if _belongs(each, name)]


def _modules(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(dict.fromkeys(name.split(".")[0] for name in tensors)) or "nothing"


def _has_more_inputs(there: tuple[int, ...], here: tuple[int, ...]) -> bool:
    """Whether weights of a convolution differ in this alone, that the second has more input channels."""
    same = len(there) == len(here) > 2 and there[0] == here[0] and there[2:] == here[2:]
    return same and here[1] > there[1]
