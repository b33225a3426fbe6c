"""Boxes pasted both ways between two images, and whose label is known where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.data import IGNORE
from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, compare, numbers
from segkit.exercises.parts import part, parts
from segkit.exercises.registry import Wrong, exercise

Paste = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]

NAMES = ("mixed", "known", "guess")


def _paste(
    image: Tensor,
    label: Tensor,
    other: Tensor,
    their: Tensor,
    inside: Tensor,
    *,
    turned: bool = False,
    second: bool = True,
    hidden: int = IGNORE,
    own: str = "hidden",
    theirs: str = "hidden",
) -> tuple[Tensor, Tensor, Tensor]:
    inside = ~inside if turned else inside
    mixed = [torch.where(inside, other, image), torch.where(inside, image, other)]
    known = [label.masked_fill(inside, hidden), label.masked_fill(~inside, hidden)]
    guess = [their.masked_fill(~inside, hidden), their.masked_fill(inside, hidden)]
    if own == "whole":
        known = [label, label]
    elif own == "same":
        known[1] = known[0]
    elif own == "filled":
        known = [torch.where(inside, their, label), torch.where(inside, label, their)]
    if theirs == "exchanged":
        guess.reverse()
    parts = mixed[: 1 + second], known[: 1 + second], guess[: 1 + second]
    return torch.cat(parts[0]), torch.cat(parts[1]), torch.cat(parts[2])


def _in_turn(
    image: Tensor, label: Tensor, other: Tensor, their: Tensor, inside: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Pastes into the first image, and then out of it again."""
    image = torch.where(inside, other, image)
    mixed = torch.cat([image, torch.where(inside, image, other)])
    return mixed, *_paste(image, label, other, their, inside)[1:]


def _alternating(
    image: Tensor, label: Tensor, other: Tensor, their: Tensor, inside: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Both mixtures of a pair one after the other."""
    found = _paste(image, label, other, their, inside)
    mixed, known, guess = (each.unflatten(0, (2, -1)).transpose(0, 1).flatten(0, 1) for each in found)
    return mixed, known, guess


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda *arguments: _paste(*arguments, **changes), hint)


MISTAKES = {
    "turned": _mistake(
        "Inside and outside are exchanged: the first B images keep what lies outside the box.", turned=True
    ),
    "one way": _mistake(
        "B images come back and 2 B are asked for: the box of `image` is pasted into `other` as well.",
        second=False,
    ),
    "in turn": Wrong(
        _in_turn, "The box of your second half is that of `other` again: paste out of the images as given."
    ),
    "alternating": Wrong(
        _alternating, "The order is another: first all images with a pasted box, then all `other` with one."
    ),
    "background": _mistake(
        "Where nothing is known your labels are 0: that says background, and the loss learns it.", hidden=0
    ),
    "whole labels": _mistake(
        "`known` keeps labels under the pasted box: there the pixels are of another image.", own="whole"
    ),
    "same labels": _mistake(
        "Both halves of `known` are hidden in the same place; the second shows the box alone.", own="same"
    ),
    "one map": _mistake(
        "`known` has labels of `their` in it: the two are kept apart so that guesses can weigh less.",
        own="filled",
    ),
    "guesses exchanged": _mistake(
        "The two halves of `guess` are exchanged: in the first, guesses belong into the box.",
        theirs="exchanged",
    ),
}
FLOATS = "Labels are whole numbers: `known` and `guess` must be int64, and `mixed` as the image."


def _as_floats(*arguments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mixed, known, guess = _paste(*arguments)
    return mixed, known.float(), guess.float()


@exercise(
    "coarse_refined.copy_paste",
    kind="implement",
    minutes=10,
    start="`torch.where` takes each pixel from one of two images. From which, and whose is its label?",
    wrong={
        **MISTAKES,
        "floats": Wrong(_as_floats, FLOATS),
        "image alone": Wrong(
            lambda *arguments: _paste(*arguments)[0], "Return all three: (mixed, known, guess)."
        ),
    },
)
def check_copy_paste(answer: Any) -> None:
    inputs = _inputs()
    found = call_by_hand(answer, *inputs[0], room="segkit.coarse_refined")
    if isinstance(found, Tensor) or not isinstance(found, list | tuple) or len(found) != len(NAMES):
        raise Hint("Return all three: (mixed, known, guess).")
    for each in parts(found, *NAMES):
        numbers(each)
    mistakes = {name: Wrong(_flat(each.answer), each.hint) for name, each in MISTAKES.items()}
    _judge_shapes(found, *inputs[0])
    compare(_flat(answer), _flat(_paste), inputs, mistakes=mistakes, tolerance=1e-9)
    if [getattr(each, "dtype", None) for each in found] != [inputs[0][0].dtype, torch.int64, torch.int64]:
        raise Hint(FLOATS)


def _judge_shapes(found: Any, image: Tensor, label: Tensor, *_: Tensor) -> None:
    for name, each, like in zip(NAMES, found, (image, label, label), strict=True):
        wanted, given = (2 * len(like), *like.shape[1:]), numbers(each).shape
        if given == (len(like), *like.shape[1:]):
            raise Hint(MISTAKES["one way"].hint)
        with part(name):
            if given != wanted:
                raise Hint(f"The shape {wanted} is expected, yours is {given}.")


def _flat(paste: Any) -> Callable[..., Tensor]:
    """The three results in one row of numbers."""

    def flat(*arguments: Tensor) -> Tensor:
        return torch.cat([torch.as_tensor(each).double().flatten() for each in paste(*arguments)])

    return flat


def _inputs() -> list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
    """Images of one and of two channels, in two and three dimensions, whose labels have gaps of their own."""
    inputs = []
    for b, c, *size in ((2, 1, 6, 7), (3, 2, 5, 5), (2, 1, 3, 4, 5)):
        generator = torch.Generator().manual_seed(b + c)
        image, other = torch.randn(2, b, c, *size, generator=generator)
        label, their = torch.randint(-1, 4, (2, b, *size), generator=generator)
        inside = torch.zeros(size, dtype=torch.bool)
        inside[tuple(slice(1, n - 1) for n in size)] = True
        inputs.append((image, label, other, their, inside))
    return inputs
