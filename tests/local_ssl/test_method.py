"""The pre-training: both networks, every term, the schedule, and where gradients go and do not go."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from segkit.errors import ConfigError, DataError
from segkit.local_ssl import (
    DenseContrast,
    GlobalConsistency,
    GlobalContrast,
    LocalConsistency,
    LocalInfoNCE,
    LocalPretraining,
    LocalVICReg,
    PixelPropagation,
    Scene,
    TwoBoxes,
    make_views,
    target_decay,
)
from segkit.local_ssl.method import trained_names
from segkit.local_ssl.terms import Seen
from segkit.nets import UNet, ViTSegmenter
from tests.local_ssl.small import HEADS, batches, net, state, trainer

POINTS = {"points": (3, 4, 3), **HEADS}
ARMS = {
    "local": lambda n: LocalConsistency(n, "bottom", **POINTS),
    "maps": lambda n: LocalConsistency(n, "bottom", over="map", **POINTS),
    "unaligned": lambda n: LocalConsistency(n, "bottom", aligned=False, **POINTS),
    "byol": lambda n: GlobalConsistency(n, "bottom", **HEADS),
    "simclr": lambda n: GlobalContrast(n, "bottom", **HEADS),
    "infonce": lambda n: LocalInfoNCE(n, "bottom", **POINTS),
    "infonce of a batch": lambda n: LocalInfoNCE(n, "bottom", pooled=True, **POINTS),
    "densecl": lambda n: DenseContrast(n, "bottom", **POINTS),
    "pixpro": lambda n: PixelPropagation(n, "bottom", **POINTS),
    "vicreg": lambda n: LocalVICReg(n, "bottom", **POINTS),
}


def method(*names, seed=0, **options):
    each = net(seed)
    return LocalPretraining(each, {name: ARMS[name](each) for name in names or ["local"]}, **options)


@pytest.mark.parametrize("name", ARMS)
def test_every_arm_trains_and_its_loss_is_finite(name):
    pretraining = method(name)
    history = trainer(pretraining, iterations=3).fit(batches())
    assert len(history.rows) == 3
    assert all(torch.tensor(list(row.values())).isfinite().all() for row in history.rows)
    before = method(name).net.state_dict()
    assert not torch.equal(pretraining.net.state_dict()["encoders.0.convs.0.conv.weight"],
                           before["encoders.0.convs.0.conv.weight"])  # fmt: skip
    assert torch.equal(pretraining.net.state_dict()["head.mix.conv.weight"], before["head.mix.conv.weight"])
    assert (pretraining.target is None) == (name in ("simclr", "vicreg"))


@pytest.mark.parametrize("name", ["local", "byol", "infonce", "pixpro", "simclr", "vicreg", "maps"])
def test_the_order_of_the_two_views_does_not_matter(name):
    pretraining = method(name)
    batch = batches()[0]
    other = {key[:-1] + {"1": "2", "2": "1"}[key[-1]]: value for key, value in batch.items()}
    found, swapped = (pretraining.step(each, state())["total"] for each in (batch, other))
    torch.testing.assert_close(found, swapped)


class AsItIs(nn.Module):
    """A projector that changes nothing."""

    def forward(self, rows, valid=None):
        return rows


@pytest.mark.parametrize("make", [LocalConsistency, LocalInfoNCE, DenseContrast])
def test_each_view_is_compared_with_the_other(make):
    term = make(net(), "bottom", **POINTS)
    term.projector = AsItIs()
    term.predicted = lambda rows, valid=None: rows
    boxes = TwoBoxes((12, 16, 12), scale=(1, 1), overlap=1.0)
    scene = Scene.of(make_views(torch.randn(2, 1, 12, 16, 12), boxes, seed=0))
    first, second = torch.randn(2, 2, 8, 3, 4, 3)
    crossed = Seen(torch.cat([first, second]), torch.cat([second, first]), term.projector)
    straight = Seen(torch.cat([first, second]), torch.cat([first, second]), term.projector)
    assert term(crossed, scene)["loss"] < 0.5 * term(straight, scene)["loss"]


def test_two_views_that_are_one_give_no_loss_without_a_predictor():
    pretraining = method()
    pretraining.terms["local"].predicted = lambda rows, valid=None: rows
    batch = batches()[0]
    for key in ("view", "place", "tissue"):
        batch[f"{key}2"] = batch[f"{key}1"]
    assert pretraining.step(batch, state())["total"].abs() < 1e-5


@pytest.mark.parametrize("flips", list(product([False, True], repeat=3))[1:])
def test_a_network_that_sees_alike_what_is_mirrored_gives_no_loss_on_mirrored_views(flips):
    pretraining = method()
    symmetric_kernels(pretraining)
    pretraining.terms["local"].predicted = lambda rows, valid=None: rows
    batch = make_views(torch.randn(2, 1, 16, 16, 16), TwoBoxes((16, 16, 16), scale=(1, 1)), seed=0)
    axes = [2 + axis for axis, flip in enumerate(flips) if flip]
    batch["view2"] = batch["view1"].flip(axes)
    batch["place2"] = batch["place1"].clone()
    batch["place2"][:, 3] = torch.tensor(flips).float()
    assert pretraining.step(batch, state())["total"] < 1e-4
    batch["place2"][:, 3] = 0  # the flips forgotten
    assert pretraining.step(batch, state())["total"] > 0.05


def symmetric_kernels(pretraining):
    with torch.no_grad():
        for each in (pretraining.net, pretraining.target.module["net"]):
            for module in each.modules():
                if isinstance(module, nn.Conv3d):
                    for axis in (2, 3, 4):
                        module.weight.copy_((module.weight + module.weight.flip(axis)) / 2)


def test_no_gradient_reaches_the_target_or_what_lies_behind_the_tap():
    pretraining = method("local", "byol")
    pretraining.step(batches()[0], state())["total"].backward()
    named = dict(pretraining.named_parameters())
    for name, parameter in named.items():
        behind = name.startswith(("net.ups", "net.decoders", "net.head", "target"))
        assert (parameter.grad is None) == behind, name
        assert parameter.requires_grad == (not name.startswith("target")), name


def test_the_target_follows_by_the_schedule():
    pretraining = method(decay=0.9)
    start = pretraining.target.module["net"].state_dict()["encoders.0.convs.0.conv.weight"].clone()
    with torch.no_grad():
        for parameter in pretraining.net.parameters():
            parameter.add_(1.0)
    pretraining.after_update(state(0, 10))
    moved = pretraining.target.module["net"].state_dict()["encoders.0.convs.0.conv.weight"]
    torch.testing.assert_close(moved - start, torch.full_like(start, 0.1))
    pretraining.after_update(state(10, 10))
    torch.testing.assert_close(moved - start, torch.full_like(start, 0.1))
    decays = [target_decay(k, 50) for k in range(51)]
    assert decays == sorted(decays) and decays[0] == pytest.approx(0.996) and decays[-1] == 1


def test_the_projector_is_followed_and_the_predictor_is_not():
    names = [name for name, _ in method().target.module.named_parameters()]
    assert any(name.startswith("projectors.local") for name in names)
    assert not any("predictor" in name for name in names)


def test_the_target_normalises_by_the_batch_in_training_and_by_running_statistics_in_evaluation():
    pretraining = method()
    head = pretraining.target.module["projectors"]["local"].layers[1]
    pretraining.train()
    pretraining.step(batches()[0], state())
    assert head.training
    pretraining.eval()
    counted = head.num_batches_tracked.clone()
    pretraining.step(batches()[0], state())
    assert not head.training and torch.equal(head.num_batches_tracked, counted)


def test_terms_are_weighted_and_may_sit_at_any_level():
    each = net()
    terms = {
        "coarse": LocalConsistency(each, "bottom", **POINTS),
        "fine": LocalConsistency(each, "decoder0", points=(5, 6, 5), **HEADS),
        "image": GlobalConsistency(each, "bottom", **HEADS),
    }
    pretraining = LocalPretraining(each, terms, weights={"image": 0.25})
    found = pretraining.step(batches()[0], state())
    torch.testing.assert_close(found["total"], found["coarse"] + found["fine"] + 0.25 * found["image"])
    assert {"fine_spread", "fine_points", "image_spread"} <= found.keys()


def test_a_step_is_a_function_of_the_batch():
    one, other = method().step(batches()[1], state()), method().step(batches()[1], state(3))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_half_precision_stays_close():
    pretraining, batch = method("local", "infonce"), batches()[0]
    exact = pretraining.step(batch, state())["total"]
    with torch.autocast("cpu", torch.bfloat16):
        half = pretraining.step(batch, state())["total"]
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, exact, rtol=0.05, atol=0.05)


def test_air_does_not_count():
    batch = batches()[0]
    share = method().step(batch, state())["local_points"]
    assert 0 < share <= 1
    batch["tissue1"] = torch.zeros_like(batch["tissue1"])
    found = method().step(batch, state())
    assert found["local_points"] == 0 and found["total"] == 0
    found["total"].backward()


class Ending:
    """Batches that end in an accident."""

    def __init__(self, number):
        self.number, self.batches = number, batches()

    def __getitem__(self, iteration):
        if iteration == self.number:
            raise RuntimeError("the power is gone")
        return self.batches[iteration]


@pytest.mark.slow
def test_a_resumed_run_is_an_unbroken_one(tmp_path):
    unbroken = method()
    trainer(unbroken, iterations=6).fit(batches())
    with pytest.raises(RuntimeError, match="power is gone"):
        trainer(method(), iterations=6, folder=tmp_path, checkpoint_every=3).fit(Ending(4))
    resumed = method(seed=1)
    trainer(resumed, iterations=6, folder=tmp_path, resume=True).fit(batches())
    mine, theirs = resumed.state_dict(), unbroken.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_what_is_trained_is_known_by_name():
    each = net(norm="batch")
    encoder = trained_names(each, ["bottom"])
    assert {name.split(".")[0] for name in encoder} == {"downs", "encoders"}
    assert encoder == [name for name in each.state_dict() if name.startswith(("downs.", "encoders."))]
    middle = trained_names(each, ["decoder1"])
    assert {name for name in middle if name.startswith(("ups", "decoders"))} == {
        name for name in each.state_dict() if name.startswith(("ups.1", "decoders.1"))
    }
    assert each.training and all(value.grad is None for value in each.parameters())
    transformer = ViTSegmenter(2, 1, 2, 16, feature_size=4, hidden_size=8, mlp_size=8)
    assert trained_names(transformer, [next(iter(transformer.taps))])


def test_two_dimensions():
    flat = UNet(2, 1, 2, (4, 8))
    term = LocalConsistency(flat, "decoder0", points=(4, 4), **HEADS)
    batch = make_views(torch.randn(3, 1, 24, 24), TwoBoxes((12, 12), turns=[(0, 1)], overlap=0.5), seed=0)
    assert LocalPretraining(flat, {"local": term}).step(batch, state())["total"].isfinite()


@pytest.mark.parametrize(
    ("make", "error", "complaint"),
    [
        (lambda: LocalPretraining(net(), {}), ConfigError, "at least one term"),
        (lambda: method("local", weights={"globl": 1.0}), ConfigError, "unknown term 'globl'"),
        (lambda: method("local", decay=1.0), ConfigError, r"\[0, 1\)"),
        (lambda: LocalConsistency(net(), "bottm", **POINTS), ConfigError, "did you mean 'bottom'"),
        (lambda: LocalConsistency(net(), "bottom", points=(3, 3)), ConfigError, "3 counts of points"),
        (
            lambda: LocalConsistency(net(), "bottom", over="maps", **POINTS),
            ConfigError,
            "unknown norm 'maps'",
        ),
        (lambda: method().step({"image": torch.zeros(1)}, state()), DataError, "needs 'view1'"),
    ],
)
def test_what_cannot_be_is_refused(make, error, complaint):
    with pytest.raises(error, match=complaint):
        make()


def test_a_level_that_is_too_coarse_for_the_views_is_named():
    each = net(channels=(4, 4, 4, 4, 4, 4))
    pretraining = LocalPretraining(each, {"local": LocalConsistency(each, "bottom", **POINTS)})
    with pytest.raises(DataError, match=r"\(12, 16, 12\) holds no whole feature of stride \(32, 32, 32\)"):
        pretraining.step(batches()[0], state())


def test_contrast_may_have_the_points_of_all_volumes_as_negatives():
    batch = batches()[0]
    own, across = (
        LocalPretraining(each, {"nce": LocalInfoNCE(each, "bottom", pooled=pooled, **POINTS)})
        for pooled in (False, True)
        for each in [net()]
    )
    across.load_state_dict(own.state_dict())
    # More negatives, a larger loss.
    assert across.step(batch, state())["nce"] > own.step(batch, state())["nce"] + 0.1
