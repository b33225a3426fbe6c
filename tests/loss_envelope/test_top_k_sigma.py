"""The envelope as a user meets it: its limits, its weights, its bounds, its edges."""

from __future__ import annotations

import copy
import pickle
import warnings
from functools import partial

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.loss_envelope import Count, EqualCounts, Spread, TopKSigmaLoss, Warmup
from segkit.losses import CrossEntropyLoss, DiceCELoss, cross_entropy, soft_dice
from segkit.losses.inputs import IGNORE
from segkit.losses.probing import example, value_and_gradient

SELECTIVE = {"top_k": 0.5, "sigma": 0.3, "temperature_image": 0.0}


@pytest.mark.parametrize(
    ("options", "progress"), [({"sigma": 0.0}, 1.0), ({"sigma": 0, "top_k": 4}, 1.0), ({"sigma": 0.5}, 0.05)]
)
@pytest.mark.parametrize("dice_weight", [0.0, 0.7])
def test_without_selection_it_is_the_plain_mean_bit_for_bit(options, progress, dice_weight):
    plain = DiceCELoss(dice_weight=dice_weight) if dice_weight else CrossEntropyLoss()
    loss = TopKSigmaLoss(dice_weight=dice_weight, **options)
    for seed in range(20):  # another order of the sums would differ in the last bit for some
        logits, labels = example(17, 23, batch=4, seed=seed)
        logits = logits.detach().float()
        value, gradient = value_and_gradient(partial(loss, progress=progress), logits, labels)
        expected, expected_gradient = value_and_gradient(plain, logits, labels)
        assert torch.equal(value, expected) and torch.equal(gradient, expected_gradient)


@pytest.mark.parametrize("dice_weight", [0.0, 0.7])
def test_hard_selection_equals_sorting(dice_weight):
    logits, labels = example(6, 7, batch=4, ignored=True)
    values = []
    for z, y in zip(logits.detach(), labels, strict=True):
        losses, kept = cross_entropy(z[None], y[None])[0], []
        for k in range(3):
            ascending = losses[y == k].sort().values
            kept.append(ascending[: len(ascending) - int(0.3 * len(ascending))])
        dice = soft_dice(z[None], y[None]).mean()
        values.append(torch.cat(kept).mean() + dice_weight * dice)
    expected = torch.stack(values).sort(descending=True).values[:2].mean()
    loss = TopKSigmaLoss(dice_weight=dice_weight, dice_on="all", **SELECTIVE)
    torch.testing.assert_close(loss(logits, labels), expected)


@pytest.mark.parametrize(
    "options",
    [
        {},
        SELECTIVE,
        {"top_k": 0.5, "sigma": 0.3, "temperature_voxel": 0.2, "scope": "image"},
        {"sigma": EqualCounts(0.4), "scope": "band", "band_width": 1.0},
        {"sigma": Spread(0.5), "temperature_voxel": 0.2},
        {"sigma": 0.3, "dice_on": "kept"},
    ],
)
@pytest.mark.filterwarnings("ignore:scope='image' drops")
def test_weights_are_the_derivative_by_the_loss_of_each_voxel(options):
    logits, labels = example(6, 7, batch=4, ignored=True)
    seen = []

    def base(logits, labels, *, valid=None):
        losses = cross_entropy(logits, labels, valid=valid)
        if losses.requires_grad:
            losses.retain_grad()
            seen.append(losses)
        return losses

    options = {"temperature_image": 0.2, **options, "base": base}
    TopKSigmaLoss(**options)(logits, labels).backward()
    voxels, images = TopKSigmaLoss(**options).weights(logits, labels)
    torch.testing.assert_close(seen[0].grad, voxels * images[:, None, None])
    torch.testing.assert_close(voxels.flatten(1).sum(1), torch.ones(4).double())
    assert images.sum().item() == pytest.approx(1)
    assert voxels[labels == IGNORE].abs().max() == 0


@pytest.mark.parametrize("sigma", [0.2, Count(3), EqualCounts(0.5), Spread(0.5), {0: 0.5, 2: 1}])
@pytest.mark.parametrize("scope", ["class", "band"])
@pytest.mark.parametrize("temperature_voxel", [0.0, 0.1])
def test_a_class_never_loses_its_last_voxel(sigma, scope, temperature_voxel):
    logits, _ = example(5, 5, batch=1)
    labels = torch.zeros(1, 5, 5, dtype=torch.int64)
    labels[0, 0, 0], labels[0, 4, 2:4] = 1, 2
    loss = TopKSigmaLoss(sigma=sigma, scope=scope, temperature_voxel=temperature_voxel)
    weights = loss.weights(1000 * logits, labels).voxels
    kept_of_class = torch.stack([weights[labels == k].sum() for k in range(3)]) / weights.max()
    assert (kept_of_class >= 1 - 1e-6).all()


def test_gross_outliers_leave_the_loss_bounded():
    """Voxels of any error below the share σ of their class move the loss of their image little."""
    logits, labels = example(20, 20, batch=2)
    trimmed, plain = (TopKSigmaLoss(sigma=sigma, dice_weight=0.0) for sigma in (0.05, 0.0))
    clean = trimmed(logits, labels)
    outliers = logits.detach().clone()
    for k in range(3):  # in four voxels of each class of one image the label is out of the question
        at = (labels[0] == k).nonzero()[:4].T
        outliers[0, k, at[0], at[1]] = -1e6
    assert plain(outliers, labels) > 1e4
    assert 0 < trimmed(outliers, labels) - clean < 0.2
    gradient = value_and_gradient(trimmed, outliers, labels)[1]
    assert gradient[0, 0][outliers[0, 0] == -1e6].abs().max() == 0


def test_trimming_comes_before_the_choice_of_images():
    """An image with a few gross errors does not count as hard for them."""
    labels = torch.zeros(2, 100, dtype=torch.int64)
    logits = torch.zeros(2, 2, 100)
    logits[0, 0], logits[0, 1, :3] = 5.0, 1000.0  # easy, with three labels that are wrong
    logits[1, 0] = 0.1  # hard all over
    hard = {"top_k": 1, "temperature_image": 0.0, "dice_weight": 0.0}
    assert TopKSigmaLoss(sigma=0.03, **hard).weights(logits, labels).images.tolist() == [0, 1]
    assert TopKSigmaLoss(sigma=0.0, **hard).weights(logits, labels).images.tolist() == [1, 0]


def test_dice_joins_before_the_choice_of_images():
    """Of two images with one cross-entropy the one that misses its structure is chosen."""
    logits = torch.tensor([1.0, 1.0, 1.0, -1.0]).repeat(2, 1)
    logits = torch.stack([logits, -logits], dim=1)
    labels = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1]])  # each has one voxel wrong
    weights = {
        dice: TopKSigmaLoss(top_k=1, sigma=0.0, dice_weight=dice).weights(logits, labels).images
        for dice in (0.0, 1.0)
    }
    assert weights[0.0].tolist() == [0.5, 0.5] and weights[1.0].argmax() == 0


def test_dice_on_what_is_kept_is_that_of_the_image_without_the_rest():
    logits, labels = example(6, 7, batch=2, ignored=True)
    loss = TopKSigmaLoss(sigma=0.3, dice_on="kept", dice_weight=0.5)
    keep = loss.weights(logits, labels).voxels > 0
    value = loss(logits, labels)
    torch.testing.assert_close(value, TopKSigmaLoss(sigma=0.0, dice_weight=0.5)(logits, labels, keep))
    everything = TopKSigmaLoss(sigma=0.3, dice_weight=0.5, dice_on="all")(logits, labels)
    assert not torch.isclose(value, everything)


def test_warm_up_delays_trimming():
    logits, labels = example(10, 10)
    loss = TopKSigmaLoss(sigma=0.3, warmup=Warmup(0.2, 0.4))
    values = [loss(logits, labels, progress=p).item() for p in (0.1, 0.25, 0.3, 0.4)]
    assert values == sorted(values, reverse=True) and len(set(values)) == 4
    assert values[3] == loss(logits, labels).item()
    assert values[0] == DiceCELoss()(logits, labels).item()


@pytest.mark.parametrize(("sigma", "warns"), [(0.2, True), (0.05, False)])
def test_a_sigma_that_swallows_the_foreground_is_warned_of_once(sigma, warns):
    logits, _ = example(10, 10, classes=2)
    labels = torch.zeros(2, 10, 10, dtype=torch.int64)
    labels[1, :2, :5] = 1  # a tenth
    loss = TopKSigmaLoss(sigma=sigma, scope="image")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            loss(logits, labels)
    assert len(caught) == warns
    for each in caught:
        sentence = str(each.message)
        assert "drops 20 voxels of image 1 of the batch, which has 10 voxels of foreground" in sentence
        assert "predict background alone; choose scope='class' or a smaller sigma" in sentence


def test_what_the_warning_says_happens():
    """Digest §3.6: with σ above the foreground's share nothing pulls towards the foreground."""
    logits = torch.zeros(1, 2, 100, dtype=torch.float64)
    logits[:, 0] = 3.0  # the prevalence: every foreground voxel has a larger loss than the background
    labels = torch.zeros(1, 100, dtype=torch.int64)
    labels[0, :5] = 1
    with pytest.warns(UserWarning, match="all of them are dropped"):
        _, of_image = value_and_gradient(
            TopKSigmaLoss(sigma=0.05, scope="image", dice_weight=0.0), logits, labels
        )
    _, by_class = value_and_gradient(TopKSigmaLoss(sigma=0.05, dice_weight=0.0), logits, labels)
    assert of_image[0, 1, :5].abs().max() == 0 and (by_class[0, 1, :5] < 0).all()


def test_a_base_of_ones_own_and_one_that_does_not_fit():
    logits, labels = example(4, 5, ignored=True)

    def squared(z, y, *, valid=None):  # what it says of ignored voxels is not heard
        return torch.where(y == IGNORE, torch.nan, z[:, 0].square())

    own = TopKSigmaLoss(base=squared, sigma=0.3, dice_weight=0.0)
    value, gradient = value_and_gradient(own, logits, labels)
    assert value.isfinite() and gradient[:, 0][labels == IGNORE].abs().max() == 0
    with pytest.raises(ConfigError, match=r"one value per voxel, \(2, 4, 5\), and gave \(\)"):
        TopKSigmaLoss(base=lambda z, y, *, valid=None: z.mean())(logits, labels)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"top_k": 0}, "at least 1 image"),
        ({"sigma": 1.0}, r"must lie in \[0, 1\)"),
        ({"temperature_image": -1.0}, "temperature must be 'mad'"),
        ({"temperature_voxel": -0.1}, "temperature_voxel must be a finite number of 0 or more"),
        ({"temperature_voxel": float("nan")}, "temperature_voxel"),
        ({"base": "cross-entropy"}, "unknown base loss 'cross-entropy': did you mean 'cross_entropy'"),
        ({"scope": "voxel"}, "unknown scope"),
        ({"dice_on": "kep"}, "did you mean 'kept'"),
        ({"dice_weight": -1.0}, "dice_weight must not be negative"),
        ({"selection": "global"}, "unknown selection 'global'"),
        ({"scope": "image", "sigma": {1: 0.1}}, "scope='image' knows none: choose 'class'"),
        ({"scope": "band", "band_width": 0.0}, "band_width must be at least 1 voxel"),
    ],
)
def test_options_that_make_no_sense(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        TopKSigmaLoss(**options)


def test_a_batch_that_makes_no_sense():
    logits, labels = example(4, 5, batch=3)
    with pytest.raises(ConfigError, match="top_k=4 of a batch of 3 images"):
        TopKSigmaLoss(top_k=4)(logits, labels)
    for sigma in (0.0, 0.3):  # also where the voxel would be trimmed away
        broken = logits.detach().clone()
        broken[1, 0, 2, 2] = float("nan")
        loss = TopKSigmaLoss(sigma=sigma, dice_weight=0.0)
        with pytest.raises(DataError, match="loss of image 1 of 3 in the batch is not a finite number"):
            loss(broken, labels)
        ignored = labels.clone()
        ignored[1] = IGNORE
        assert loss(broken, ignored).isfinite()


def test_it_can_be_copied_and_moved():
    logits, labels = example(4, 5)
    loss = TopKSigmaLoss(sigma=0.3, top_k=0.5)
    other = pickle.loads(pickle.dumps(copy.deepcopy(loss))).to(torch.float64)
    assert torch.equal(other(logits, labels), loss(logits, labels))


def test_the_gradient_of_the_logits_is_continuous_where_images_swap_ranks():
    """Measured: from one side of the swap to the other the gradient moves by its own size, or hardly."""
    labels = torch.zeros(4, 6, dtype=torch.int64)

    def gradient(gap, temperature):
        logits = torch.zeros(4, 2, 6, dtype=torch.float64)
        logits[:, 0] = torch.tensor([1.0, 0.0, gap, 2.0])[:, None]  # the second and third are the worst
        loss = TopKSigmaLoss(top_k=1, sigma=0.0, temperature_image=temperature, dice_weight=0.0)
        return value_and_gradient(loss, logits, labels)[1]

    def jump(temperature):
        low, high = gradient(-1e-3, temperature), gradient(1e-3, temperature)
        return ((high - low).abs().sum() / low.abs().sum()).item()

    assert jump(0.0) == pytest.approx(2, rel=0.01)
    assert jump(0.1) < 0.01 and jump("mad") < 0.01
