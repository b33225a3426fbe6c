"""Samples are changed on the device as their seeds say, image and label alike."""

from __future__ import annotations

import pytest
import torch

from segkit.data import BatchAugment, PatchBatches, SeededBatches, phantoms
from segkit.data.case import IGNORE
from segkit.errors import ConfigError, DataError


def batch(rows=4, size=(14, 16, 12), seed=0):
    generator = torch.Generator().manual_seed(seed)
    label = torch.zeros(rows, *size, dtype=torch.int64)
    label[:, 3:-3, 4:-4, 3:-3] = 1
    image = label[:, None].float() * 2 + 0.01 * torch.randn(rows, 1, *size, generator=generator)
    return {"image": image, "label": label, "mask": label == 1, "seed": torch.arange(rows) + 7}


def everything(patch, **options):
    chances = dict.fromkeys(("spatial", "noise", "brightness", "contrast", "gamma"), 1.0)
    return BatchAugment(patch, flip_axes=tuple(range(len(patch))), **{**chances, **options})


def test_nothing_drawn_is_a_crop():
    plain = BatchAugment((10, 12, 8), spatial=0, noise=0, brightness=0, contrast=0, gamma=0)
    made = plain(batch())
    assert sorted(made) == ["image", "label", "mask"]
    assert torch.equal(made["image"], batch()["image"][:, :, 2:12, 2:14, 2:10])


def test_a_sample_depends_on_its_seed_alone():
    augment, whole = everything((10, 12, 8)), batch()
    together = augment(whole)
    for i in range(4):
        alone = augment({key: value[i : i + 1] for key, value in whole.items()})
        for key, value in alone.items():
            torch.testing.assert_close(together[key][i : i + 1], value)
    assert not torch.equal(together["image"][0], together["image"][1])


def test_image_label_and_mask_stay_together():
    made = everything((10, 12, 8), noise=0.0, brightness=0.0, contrast=0.0, gamma=0.0)(batch())
    assert set(made["label"].unique().tolist()) <= {IGNORE, 0, 1}
    assert torch.equal(made["mask"], made["label"] == 1)
    bright = made["image"][:, 0] > 1
    assert ((bright == (made["label"] == 1)) | (made["label"] == IGNORE)).float().mean() > 0.95


def test_beyond_what_was_read_nothing_is_labelled():
    made = everything((14, 16, 12), rotate_deg=45.0, scale=0.0)(batch())
    assert (made["label"] == IGNORE).any()
    assert not made["mask"][made["label"] == IGNORE].any()


def test_the_margin_holds_half_of_the_turn():
    assert BatchAugment((20, 20), spatial=0.0).margin() == (20, 20)
    wide = BatchAugment((20, 20), spatial=1.0, rotate_deg=60.0, scale=0.0).margin()
    assert wide == (28, 28)


def test_turns_are_made_in_mm():
    flat = BatchAugment((9, 9), spacing=(1.0, 2.0))._matrix([0.0, 0.0, 3.14159265 / 2], 1.0)
    assert flat == pytest.approx(torch.tensor([[0.0, -2.0], [0.5, 0.0]]).numpy(), abs=1e-6)


def test_two_streams_are_changed_apart():
    one = batch(2)
    both = {**one, "unlabelled_image": one["image"], "unlabelled_seed": one["seed"] + 100}
    made = everything((10, 12, 8))(both)
    assert not torch.equal(made["image"], made["unlabelled_image"])
    same = everything((10, 12, 8))({**both, "unlabelled_seed": one["seed"]})
    assert torch.equal(same["image"], same["unlabelled_image"])


def test_seeds_are_shared_out_with_the_rows():
    plain = PatchBatches(phantoms("hippocampus", 2), patch=(8, 8, 8), batch_size=4, seed=0)
    seeded = SeededBatches(plain, seed=3)
    whole, parts = seeded[5], [seeded.part(5, rank, 2) for rank in range(2)]
    assert torch.equal(torch.stack([part["seed"] for part in parts], 1).flatten(), whole["seed"])
    assert not torch.equal(whole["seed"], seeded[6]["seed"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"spatial": 2.0}, "probabilities"), ({"scale": 1.0}, "scale"), ({"flip_axes": (3,)}, "do not fit")],
)
def test_numbers_out_of_range(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        BatchAugment((8, 8, 8), **options)


def test_what_cannot_be_changed():
    with pytest.raises(DataError, match="read larger ones"):
        BatchAugment((20, 20, 20))(batch())
    with pytest.raises(DataError, match="make it with SeededBatches"):
        BatchAugment((8, 8, 8))({"image": torch.zeros(1, 1, 8, 8, 8)})
