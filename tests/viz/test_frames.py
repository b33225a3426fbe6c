from __future__ import annotations

import base64
import io
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from segkit.errors import DataError
from segkit.viz import CARD, figure, slice_frames
from segkit.viz.frames import encode, to_picture


def decode(address: str) -> Image.Image:
    head, body = address.split(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_a_frame_per_slice_of_one_size(case):
    pictures, labels = slice_frames(case, axis=2)
    assert labels == [f"slice {i} of 6" for i in range(1, 7)]
    assert len({picture.size for picture in pictures}) == 1
    assert not np.array_equal(np.asarray(pictures[0]), np.asarray(pictures[3]))
    assert not plt.get_fignums()


def test_chosen_slices(case):
    _, labels = slice_frames(case, axis=0, indices=[2, 5], legend=False)
    assert labels == ["slice 3 of 12", "slice 6 of 12"]


def test_a_flat_image_has_no_slices(case):
    flat = replace(case, image=case.image[..., 0], label=None, spacing_mm=(1.0, 2.0))
    with pytest.raises(DataError, match="case a is flat"):
        slice_frames(flat)


@pytest.mark.parametrize(
    "frame",
    [
        np.full((4, 6), 0.5),
        np.full((4, 6, 3), 128, np.uint8),
        Image.new("L", (6, 4), 128),
        lambda: np.full((4, 6), 0.5),
    ],
    ids=["floats", "rgb", "picture", "function"],
)
def test_every_kind_of_frame(frame):
    picture = to_picture(frame)
    assert (picture.mode, picture.size) == ("RGB", (6, 4))
    assert picture.getpixel((2, 2)) == (128, 128, 128)


def test_a_figure_becomes_a_picture_and_is_not_shown_twice():
    fig, _ = figure(width="half", height=2)
    assert to_picture(fig).size == (518, 288)
    assert not plt.get_fignums()


def test_transparent_pixels_show_the_card():
    clear = np.zeros((2, 2, 4), np.uint8)
    assert "#{:02x}{:02x}{:02x}".format(*to_picture(clear).getpixel((0, 0))) == CARD


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((2, 2, 5)), "a frame is"),
        ("a word", "a frame is"),
        (np.full((2, 2), 300.0), "window"),
        (np.full((2, 2), np.nan), "window"),
    ],
)
def test_what_is_no_frame(frame, message):
    with pytest.raises(DataError, match=message):
        to_picture(frame)


def noise(n: int, side: int) -> list[Image.Image]:
    generator = np.random.default_rng(0)
    return [to_picture(generator.integers(0, 256, (side, side, 3), dtype=np.uint8)) for _ in range(n)]


def test_what_fits_is_stored_without_loss():
    (picture,) = noise(1, 16)
    assert np.array_equal(np.asarray(decode(encode([picture], budget=10_000)[0])), np.asarray(picture))


@pytest.mark.parametrize("budget", [60_000, 20_000])
def test_the_budget_holds_and_all_frames_are_alike(budget):
    addresses = encode(noise(7, 96), budget=budget)
    assert sum(map(len, addresses)) <= budget
    assert len({decode(address).size for address in addresses}) == 1


def test_too_much_for_the_budget():
    with pytest.raises(DataError, match=r"do not fit into 0\.0 MB"):
        encode(noise(3, 96), budget=1000)
