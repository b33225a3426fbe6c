"""What a step, a method or a loss is given by mistake: one sentence says what is wrong."""

from __future__ import annotations

import re

import pytest
import torch

from segkit.coarse_refined import (
    CoarseRefined,
    CoarseRefinedNet,
    ContourPatchSampler,
    DescriptorMemory,
    GridPatchSampler,
    InterPatchRankedLoss,
    IntraPatchRankedLoss,
    RampUp,
    RankedTerms,
    Ranking,
    TargetWatch,
    coarse_refined_consistency,
    graded_patch_ranking,
    hardest_pixels,
    intra_patch_ranked_loss,
    ranked_list_loss,
    score_ranking,
    smooth_ap,
)
from segkit.coarse_refined.baselines import URPC, CopyPaste, CrossPseudoSupervision, MCNetPlus
from segkit.errors import ConfigError, DataError
from segkit.nets import UNet
from tests.coarse_refined.methods import METHODS, build, pair, state, unet
from tests.coarse_refined.shapes import generator, two_streams


def spoilt(key, change):
    batch = two_streams()
    batch[key] = change(batch[key].clone())
    return batch


def put(value):
    def change(tensor):
        tensor[0, ..., 3, 3] = value
        return tensor

    return change


STEPS = {
    "NaN in a labelled image": (spoilt("image", put(torch.nan)), "1 voxels of 'image' are NaN or infinite"),
    "infinity in an unlabelled one": (
        spoilt("unlabelled_image", put(torch.inf)),
        "1 voxels of 'unlabelled_image' are NaN",
    ),
    "integers for an image": (spoilt("image", torch.Tensor.long), "'image' must be floating point"),
    "an unknown class": (spoilt("label", put(5)), "label 5 is neither one of the 2 classes nor IGNORE"),
    "a class below IGNORE": (spoilt("label", put(-2)), "label -2 is neither"),
    "probabilities for labels": (spoilt("label", torch.Tensor.float), "'label' must be integers"),
    "a mask for labels": (spoilt("label", torch.Tensor.bool), "'label' must be integers"),
    "labels with a channel": (spoilt("label", lambda y: y[:, None]), "'label' of shape (2, 1, 16, 16) does"),
    "labels of another size": (spoilt("label", lambda y: y[:, :8]), "'label' of shape (2, 8, 16) does"),
    "labels of fewer images": (spoilt("label", lambda y: y[:1]), "'label' of shape (1, 16, 16) does not"),
    "volumes beside slices": (spoilt("unlabelled_image", lambda x: x[..., None]), "cannot pass a network"),
    "no unlabelled row": (spoilt("unlabelled_image", lambda x: x[:0]), "no 'unlabelled_image'"),
    "volumes for a 2-D net": (
        {key: value[..., None] for key, value in two_streams().items()},
        "(batch, 1, height, width)",
    ),
    "other channels": (
        {key: v.repeat(1, 2, 1, 1) if v.ndim == 4 else v for key, v in two_streams().items()},
        "(batch, 1, height, width)",
    ),
    "a float mask": ({**two_streams(), "valid": torch.ones(2, 16, 16)}, "'valid' must be bool"),
    "a mask with a channel": (
        {**two_streams(), "valid": torch.ones(2, 1, 16, 16).bool()},
        "'valid' of shape (2, 1, 16, 16) does not belong",
    ),
}


SOME = ("CRII", "mean teacher", "copy-paste, CRII")


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("what", STEPS)
def test_a_step_refuses(name, what):
    batch, sentence = STEPS[what]
    with pytest.raises(DataError, match=re.escape(sentence)):
        build(name).step(batch, state())


@pytest.mark.parametrize("name", ["CRII", "copy-paste, CRII"])
def test_patches_larger_than_the_images_of_a_batch(name):
    batch = {key: value[..., :6, :6] for key, value in two_streams().items()}
    with pytest.raises(DataError, match="patches of side 8 do not fit into images of"):
        build(name).step(batch, state())


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_small_integers_are_labels_too(name, dtype):
    wanted = build(name).step(two_streams(), state())["total"]
    given = spoilt("label", lambda y: y.to(dtype))
    torch.testing.assert_close(build(name).step(given, state())["total"], wanted)


@pytest.mark.parametrize("name", METHODS)
def test_black_images_and_images_without_annotation_do_no_harm(name):
    batch = two_streams()
    batch |= {key: torch.zeros_like(value) for key, value in batch.items() if "image" in key}
    batch["label"] = torch.full_like(batch["label"], -1)
    method = build(name)
    terms = method.step(batch, state())
    terms["total"].backward()
    assert all(value.isfinite() for value in terms.values())
    assert all(p.grad.isfinite().all() for p in method.parameters() if p.grad is not None)


def inter(**options):
    return RankedTerms(None, InterPatchRankedLoss(**options))


def twins():
    torch.manual_seed(0)
    one = unet()
    torch.manual_seed(0)
    return one, unet()


CHOICES = {
    "one class": (lambda: CoarseRefinedNet(2, 1, 1, (4, 8)), "two classes or more"),
    "a refiner without features": (lambda: pair(refiner_width=0), "one feature or more"),
    "an unknown option": (lambda: pair(nrom="group"), "did you mean 'norm'"),
    "one output": (lambda: CoarseRefined(unet()), "a UNet has one output"),
    "no embeddings": (
        lambda: CopyPaste(unet(), ranked=RankedTerms(IntraPatchRankedLoss())),
        "embedding head of a CoarseRefinedNet",
    ),
    "embeddings of another length": (
        lambda: CoarseRefined(pair(), ranked=inter(n_classes=2, embedding=32)),
        "2 classes and embeddings of length 32, the network for 2 and 8",
    ),
    "other classes": (lambda: CoarseRefined(pair(), ranked=inter(n_classes=4, embedding=8)), "for 4 classes"),
    "one weight": (lambda: RankedTerms(IntraPatchRankedLoss(), weights=(1.0,)), "two weights"),
    "a weight that is no number": (lambda: RampUp(float("nan")), "weight must be"),
    "an infinite temperature": (lambda: Ranking(t_neg=float("inf")), "out of range"),
    "twin networks": (lambda: CrossPseudoSupervision(*twins()), "have the same weights"),
    "one network twice": (lambda: CrossPseudoSupervision(*2 * [unet()]), "have the same weights"),
    "networks for other classes": (
        lambda: CrossPseudoSupervision(unet(), UNet(2, 1, 3, (4, 6, 8))),
        "tell 2 and 3 classes",
    ),
    "decoders for other classes": (
        lambda: MCNetPlus([unet(), UNet(2, 1, 3, (4, 6, 8))]),
        "same axes, classes",
    ),
    "decoders for volumes": (lambda: MCNetPlus([unet(), unet(dims=3)]), "same axes, classes"),
    "decoders of no U-Net": (lambda: MCNetPlus(2 * [torch.nn.Conv2d(1, 2, 1)]), "taken from U-Nets"),
    "scales of no U-Net": (lambda: URPC(torch.nn.Conv2d(1, 2, 1)), "decoder of a UNet, not of a Conv2d"),
    "no direction of order": (
        lambda: graded_patch_ranking(torch.zeros(2), torch.zeros(2), delta=float("nan")),
        "delta must be",
    ),
}


@pytest.mark.parametrize("what", CHOICES)
def test_a_choice_is_refused(what):
    make, sentence = CHOICES[what]
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        make()


WHOLE = torch.zeros(2, 16, 16, dtype=torch.int64)
TENSORS = {
    "whole numbers as embeddings": (
        lambda: ranked_list_loss(torch.zeros(4, 3).long(), torch.zeros(4).long()),
        "must be floating point",
    ),
    "whole numbers as pixels": (
        lambda: intra_patch_ranked_loss(torch.zeros(1, 4, 3).long()),
        "must be floating point",
    ),
    "labels of nothing": (
        lambda: ranked_list_loss(torch.eye(3), WHOLE[0, 0, :3], other_labels=WHOLE[0, 0, :3]),
        "other_labels belong to others",
    ),
    "whole numbers as scores": (
        lambda: graded_patch_ranking(torch.zeros(2).long(), torch.zeros(2)),
        "scores and fractions are floating point",
    ),
    "whole numbers as logits": (
        lambda: coarse_refined_consistency(torch.zeros(1, 2, 3).long(), torch.zeros(1, 2, 3)),
        "floating-point logits",
    ),
    "one row of hard pixels": (lambda: hardest_pixels(torch.zeros(3), torch.zeros(3).bool()), "(P, N)"),
    "patches without pixels": (
        lambda: score_ranking(torch.zeros(2, 0), torch.zeros(2, 0).bool()),
        "with N ≥ 1",
    ),
    "a list of nothing": (lambda: smooth_ap(torch.zeros(0), torch.zeros(0).bool()), "with N ≥ 1"),
    "an unknown class on a contour": (
        lambda: ContourPatchSampler(8)(WHOLE + 9, generator(), n_classes=2),
        "label 9 is neither one of the 2 classes",
    ),
    "probabilities for labels": (
        lambda: ContourPatchSampler(8)(WHOLE.float(), generator()),
        "labels must be integers",
    ),
    "images of other cases": (
        lambda: GridPatchSampler(4)(torch.zeros(1, 1, 16, 16), WHOLE, generator(), n_classes=2),
        "do not belong to images",
    ),
    "rows of images": (
        lambda: GridPatchSampler(4)(torch.zeros(2, 1, 16), WHOLE[..., 0], generator(), n_classes=2),
        "two or three axes",
    ),
    "descriptors of another length": (
        lambda: DescriptorMemory(1, 4, 3).push(torch.zeros(1, 2, 5), torch.ones(1, 2).long()),
        "takes rows (lists, Q, 3)",
    ),
    "descriptors of fewer structures": (
        lambda: DescriptorMemory(2, 4, 3).push(torch.zeros(1, 2, 3), torch.ones(1, 2).long()),
        "memory of 2 lists",
    ),
    "NaN to watch": (lambda: TargetWatch(torch.full((1, 1, 2, 2), torch.nan)), "4 voxels of the images"),
    "nothing at a time": (lambda: TargetWatch(torch.zeros(1, 1, 2, 2), batch_size=0), "no images to watch"),
}


@pytest.mark.parametrize("what", TENSORS)
def test_a_tensor_is_refused(what):
    call, sentence = TENSORS[what]
    with pytest.raises(DataError, match=re.escape(sentence)):
        call()
