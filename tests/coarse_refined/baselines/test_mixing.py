from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined.baselines import CopyPaste
from segkit.coarse_refined.baselines.mixing import box_mask
from segkit.coarse_refined.pseudo_labels import largest_parts
from segkit.errors import ConfigError, DataError
from segkit.losses import DiceCELoss
from tests.coarse_refined.baselines.tables import Table, batch
from tests.coarse_refined.methods import ranked, state, unet
from tests.coarse_refined.shapes import generator, two_streams

LOSS = DiceCELoss(dice_weight=0.5, ce_weight=0.5, pooled=True)


def two_and_two():
    given = batch()
    given["unlabelled_image"] = given["unlabelled_image"][:2]
    return given


@pytest.mark.parametrize("size", [(9, 12), (6, 6, 9)])
def test_the_box_has_its_size_and_moves(size):
    image = torch.zeros(2, 1, *size)
    boxes = [box_mask(image, 2 / 3, generator(seed)) for seed in range(8)]
    volume = torch.tensor([round(2 / 3 * n) for n in size]).prod()
    assert all(box.shape == (1, 1, *size) and box.sum() == volume for box in boxes)
    assert len({tuple(box.nonzero()[0].tolist()) for box in boxes}) > 1


@pytest.mark.parametrize("clean", [False, True])
def test_labelled_pixels_learn_labels_and_others_what_the_average_says(clean):
    method, given = CopyPaste(Table(), pretrain=0.0, clean=clean), two_and_two()
    with torch.no_grad():
        method.teacher.module.slope += 1.0
    terms = method.step(given, state(seed=2))
    box = box_mask(given["image"], 2 / 3, state(seed=2).generator)[0, 0]
    image, other, label = given["image"], given["unlabelled_image"], given["label"]
    guess = method.teacher.module(other).argmax(1)
    cleaned = largest_parts(guess, 3)
    assert not torch.equal(cleaned, guess)
    guess = cleaned if clean else guess
    mixed = torch.cat([torch.where(box, other, image), torch.where(box, image, other)])
    known = torch.cat([label.masked_fill(box, -1), label.masked_fill(~box, -1)])
    guessed = torch.cat([guess.masked_fill(~box, -1), guess.masked_fill(box, -1)])
    torch.testing.assert_close(terms["supervised"], LOSS(method.net(mixed), known))
    torch.testing.assert_close(terms["unlabelled"], LOSS(method.net(mixed), guessed))
    torch.testing.assert_close(terms["total"], terms["supervised"] + 0.5 * terms["unlabelled"])


@pytest.mark.parametrize("options", [{"unlabelled": False}, {"pretrain": 0.9}])
def test_labelled_into_labelled(options):
    method, given = CopyPaste(Table(), **options), two_and_two()
    terms = method.step(given, state(seed=2))
    box = box_mask(given["image"], 2 / 3, state(seed=2).generator)[0, 0]
    image, label = given["image"], given["label"]
    mixed = torch.cat([torch.where(box, image.flip(0), image), torch.where(box, image, image.flip(0))])
    labels = torch.cat([torch.where(box, label.flip(0), label), torch.where(box, label, label.flip(0))])
    torch.testing.assert_close(terms["supervised"], LOSS(method.net(mixed), labels))
    assert terms["unlabelled"] == 0


def test_the_labelled_control_needs_no_unlabelled_images():
    method, given = CopyPaste(Table(), unlabelled=False), two_and_two()
    wanted = method.step(given, state())["total"]
    del given["unlabelled_image"]
    torch.testing.assert_close(method.step(given, state())["total"], wanted)


def test_ranked_losses_see_labelled_pixels_alone(monkeypatch):
    from tests.coarse_refined.methods import build

    method = build("copy-paste, CRII")
    seen = {}
    monkeypatch.setattr(
        method.ranked,
        "forward",
        lambda net, out, image, labels, now: (seen.update(labels=labels), ({}, 0.0))[1],
    )
    given = two_streams()
    method.step(given, state(seed=2))
    box = box_mask(given["image"], 2 / 3, state(seed=2).generator)[0, 0]
    assert (seen["labels"][:2, box] == -1).all()
    assert (seen["labels"][2:, ~box] == -1).all()
    assert torch.equal(seen["labels"][:2, ~box], given["label"][:, ~box])


def test_the_gap_of_two_outputs_is_watched():
    from tests.coarse_refined.methods import build

    assert "gap" in build("copy-paste, CRII").step(two_streams(), state())
    assert "gap" not in CopyPaste(Table(), pretrain=0.0).step(two_and_two(), state())


def test_streams_of_different_size_cannot_be_pasted():
    with pytest.raises(DataError, match="one batch size"):
        CopyPaste(Table(), pretrain=0.0).step(batch(), state())


def test_bad_options():
    with pytest.raises(ConfigError, match="box lies"):
        CopyPaste(unet(), box=1.0, ranked=ranked())
