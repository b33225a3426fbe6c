from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import CoarseRefinedConsistency, PseudoLabelLoss, StrongView
from segkit.coarse_refined.baselines import WeakToStrong, weak_strong
from segkit.errors import ConfigError
from tests.coarse_refined.baselines.tables import Table, batch
from tests.coarse_refined.methods import state, unet


def test_sure_labels_of_the_weak_view_teach_the_strong_views():
    method, given = WeakToStrong(Table(), views=2, feature_share=0.0, kappa=0.6), batch()
    terms = method.step(given, state(seed=5))
    weak, draw = given["unlabelled_image"], state(seed=5).generator
    target = method.net(weak)
    strong = [StrongView()(weak, draw) for _ in range(2)]
    wanted = sum(PseudoLabelLoss(0.6)(method.net(view), target) for view in strong) / 2
    torch.testing.assert_close(terms["unlabelled"], wanted)
    assert 0 < terms["sure"] < 1
    torch.testing.assert_close(terms["sure"], (target.softmax(1).amax(1) >= 0.6).float().mean())


def test_no_gradient_reaches_the_target():
    method, given = WeakToStrong(Table(), views=1, feature_share=0.0, kappa=0.6), batch()
    method.step(given, state(seed=5))["unlabelled"].backward()
    weak = given["unlabelled_image"]
    strong = StrongView()(weak, state(seed=5).generator)
    alone = PseudoLabelLoss(0.6)(method.net(strong), method.net(weak).detach())
    torch.testing.assert_close(method.net.slope.grad, torch.autograd.grad(alone, method.net.slope)[0])


def test_the_weak_view_is_a_target_alone_whatever_the_loss():
    def gradient(kind):
        loss = CoarseRefinedConsistency(kind)
        method = WeakToStrong(Table(), views=1, feature_share=0.0, unlabelled_loss=loss)
        method.step(batch(), state())["unlabelled"].backward()
        return method.net.slope.grad

    torch.testing.assert_close(gradient("symmetric"), gradient("detached"))


def test_it_weighs_as_much_as_the_labels_from_the_start():
    method = WeakToStrong(Table(), feature_share=0.0)
    assert method.ramp(state(0)) == method.ramp(state(99)) == 1.0


def test_dropped_features_change_the_output_and_add_their_share():
    torch.manual_seed(0)
    method = WeakToStrong(unet(), views=1, feature_share=0.5, kappa=0.5)
    weak = batch(classes=2)["unlabelled_image"]
    plain = method.net(weak)
    dropped = method._without_features(weak, state().generator)
    assert (plain - dropped).abs().max() > 0.01
    given, whole = batch(classes=2), method.step(batch(classes=2), state(seed=7))["unlabelled"]
    draw = state(seed=7).generator
    strong = PseudoLabelLoss(0.5)(method.net(method.view(given["unlabelled_image"], draw)), plain)
    perturbed = PseudoLabelLoss(0.5)(method._without_features(weak, draw), plain)
    torch.testing.assert_close(whole, (strong + perturbed) / 2, atol=1e-5, rtol=1e-4)


def test_half_of_the_channels_go_and_the_others_double(monkeypatch):
    method, seen = WeakToStrong(unet()), []
    whole = weak_strong.Encoder(method.net)
    images = torch.randn(32, 1, 8, 8)

    class Watching(weak_strong.Decoder):
        def forward(self, levels, size):
            seen.extend(levels)
            return super().forward(levels, size)

    monkeypatch.setattr(weak_strong, "Decoder", Watching)
    method._without_features(images, state().generator)
    for before, after in zip(whole(images), seen, strict=True):
        dropped = (after == 0).flatten(2).all(2)
        assert 0.3 < dropped.float().mean() < 0.7
        torch.testing.assert_close(after, torch.where(dropped[..., None, None], 0.0, 2 * before))


def test_bad_options():
    with pytest.raises(ConfigError, match="views must be"):
        WeakToStrong(unet(), views=0)
    with pytest.raises(ConfigError, match="UNet alone"):
        WeakToStrong(Table())
