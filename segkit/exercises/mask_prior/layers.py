"""A first layer with further input channels: the right one, the usual wrong ones, and how it is judged."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call
from segkit.exercises.mask_prior.room import ROOM
from segkit.exercises.registry import Wrong
from segkit.mask_prior import widen_input

Conv = nn.Conv2d | nn.Conv3d
OPTIONS = ("kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")


def _wider(conv: Conv, extra: int, **changes: Any) -> Conv:
    """A fresh layer with more input channels and otherwise the options of `conv`."""
    options: dict[str, Any] = {name: getattr(conv, name) for name in OPTIONS}
    options["bias"] = conv.bias is not None
    return type(conv)(conv.in_channels + extra, conv.out_channels, **(options | changes))


@torch.no_grad()
def _filled(conv: Conv, wide: Conv, *, zero: bool = True, front: bool = False, bias: bool = True) -> Conv:
    extra = wide.in_channels - conv.in_channels
    old, new = slice(conv.in_channels), slice(conv.in_channels, None)
    if front:
        old, new = slice(extra, None), slice(extra)
    if zero:
        wide.weight[:, new] = 0.0
    wide.weight[:, old] = conv.weight
    if bias and conv.bias is not None and wide.bias is not None:
        wide.bias.copy_(conv.bias)
    return wide


def widened(conv: Conv, extra: int) -> Conv:
    """The right answer."""
    return _filled(conv, _wider(conv, extra))


def _in_place(conv: Conv, extra: int) -> Conv:
    zeros = conv.weight.new_zeros(conv.out_channels, extra, *conv.kernel_size)
    conv.weight = nn.Parameter(torch.cat([conv.weight.detach(), zeros], 1))
    conv.in_channels += extra
    return conv


def _shared(conv: Conv, extra: int) -> Conv:
    wide = widened(conv, extra)
    wide.bias = conv.bias
    return wide


def _halved(conv: Conv, extra: int) -> Conv:
    """Scaled down for the larger number of inputs, as initial weights are."""
    wide = widened(conv, extra)
    wide.weight.data *= conv.in_channels / wide.in_channels
    return wide


MISTAKES = {
    "drawn": Wrong(
        lambda conv, extra: _filled(conv, _wider(conv, extra), zero=False),
        "The weights of the further channels are not 0, so that these change the output from the start.",
    ),
    "front": Wrong(
        lambda conv, extra: _filled(conv, _wider(conv, extra), front=True),
        "In yours the further channels come first; they stand behind those of the image.",
    ),
    "scaled": Wrong(_halved, "The weights of the old channels are not those of the old layer."),
    "no bias": Wrong(
        lambda conv, extra: _filled(conv, _wider(conv, extra), bias=False),
        "The bias is not that of the old layer: it is no weight of a channel, and stays.",
    ),
    "defaults": Wrong(
        lambda conv, extra: _filled(conv, _wider(conv, extra, stride=1, padding=1, dilation=1)),
        "differs from the old layer's in",
    ),
    "in place": Wrong(
        _in_place, "The old layer has changed, and the network that it belongs to with it: make a new one."
    ),
    "shared": Wrong(
        _shared, "The two layers share their bias: an update of one network would change the other."
    ),
    "frozen": Wrong(
        lambda conv, extra: widened(conv, extra).requires_grad_(False),
        "Your layer wants no gradients: weights that start at 0 would stay there.",
    ),
    "library": Wrong(
        lambda conv, extra: widen_input(conv, _wider(conv, extra)),
        "Your function calls `widen_input` of segkit",
    ),
}


def judge_layer(answer: Any, conv: Conv, extra: int) -> None:
    """Let a function widen a layer.

    Raises:
        Unanswered, Hint: the first thing that is wrong.
    """
    if not callable(answer):
        call(answer)  # which says so
    old = copy.deepcopy(conv)
    # On the layer itself, not on a copy as `call` makes it: what is done to it is judged, too.
    wide = call_by_hand(lambda: answer(conv, extra), room=ROOM)
    if not isinstance(wide, type(old)):
        raise Hint(f"Return a {type(old).__name__}, not a {type(wide).__name__}.")
    if wide is conv or not torch.equal(conv.weight, old.weight) or conv.in_channels != old.in_channels:
        raise Hint(MISTAKES["in place"].hint)
    _judge_options(wide, old, extra)
    _judge_weights(wide.weight.detach(), old.weight.detach(), extra)
    if old.bias is not None and wide.bias is not None:
        if not torch.equal(wide.bias, old.bias):
            raise Hint(MISTAKES["no bias"].hint)
        if conv.bias is not None and wide.bias.data_ptr() == conv.bias.data_ptr():
            raise Hint(MISTAKES["shared"].hint)
    if not all(parameter.requires_grad for parameter in wide.parameters()):
        raise Hint(MISTAKES["frozen"].hint)


def _judge_options(wide: Conv, old: Conv, extra: int) -> None:
    wanted = (old.out_channels, old.in_channels + extra)
    if (wide.out_channels, wide.in_channels) != wanted:
        raise Hint(
            f"Yours turns {wide.in_channels} channels into {wide.out_channels}; {wanted[1]} into {wanted[0]} "
            "were asked for."
        )
    other = [name for name in OPTIONS if getattr(wide, name) != getattr(old, name)]
    other += ["bias"] if (wide.bias is None) != (old.bias is None) else []
    if other:
        raise Hint(f"For {old} yours differs from the old layer's in {', '.join(other)}.")
    if wide.weight.shape != (*wanted, *old.kernel_size):
        raise Hint(f"The weight has the shape {tuple(wide.weight.shape)}, which is not that of such a layer.")


def _judge_weights(new: torch.Tensor, old: torch.Tensor, extra: int) -> None:
    if torch.equal(new[:, extra:], old) and not new[:, :extra].any():
        raise Hint(MISTAKES["front"].hint)
    if not torch.equal(new[:, : old.shape[1]], old):
        raise Hint(MISTAKES["scaled"].hint)
    if new[:, old.shape[1] :].any():
        raise Hint(MISTAKES["drawn"].hint)
