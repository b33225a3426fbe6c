from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.errors import ConfigError, DataError
from segkit.evaluate import predict_labels, predict_probs


@pytest.mark.parametrize("shape", [(13, 17), (11, 9, 14)])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_windows_of_an_identity_make_up_the_image(shape, overlap, batch_size):
    image = torch.rand(2, *shape)
    patch = (6,) * len(shape)
    probs = predict_probs(lambda x: x, image, patch=patch, overlap=overlap, batch_size=batch_size)
    assert (probs.shape, probs.dtype) == (image.shape, torch.float32)
    torch.testing.assert_close(probs, image)


def test_windows_have_the_size_and_number_that_were_asked_for():
    seen = []

    def predictor(x):
        seen.append(tuple(x.shape))
        return x

    predict_probs(predictor, torch.rand(1, 8, 8), patch=(4, 4), overlap=0.0, batch_size=2)
    assert seen == [(2, 1, 4, 4)] * 2
    seen.clear()
    predict_probs(predictor, torch.rand(1, 8, 8), patch=(4, 4), overlap=0.5)
    assert seen == [(1, 1, 4, 4)] * 9


def test_without_a_patch_the_predictor_sees_the_whole_image():
    seen = []
    predict_probs(lambda x: seen.append(tuple(x.shape)) or x, torch.rand(3, 5, 6, 7))
    assert seen == [(1, 3, 5, 6, 7)]


def test_an_image_smaller_than_the_patch_keeps_its_grid():
    image = torch.rand(2, 5, 3, 9)
    seen = []
    probs = predict_probs(lambda x: seen.append(tuple(x.shape[2:])) or x, image, patch=(8, 8, 8))
    assert set(seen) == {(8, 8, 8)}
    torch.testing.assert_close(probs, image)


@pytest.mark.parametrize("patch", [None, (6, 6, 6)])
def test_flips_change_nothing_for_a_net_that_commutes_with_them(patch):
    net = nn.Conv3d(1, 3, 3, padding=1)
    with torch.no_grad():
        net.weight.copy_(
            sum(net.weight.flip(f) for f in ([], [2], [3], [4], [2, 3], [2, 4], [3, 4], [2, 3, 4]))
        )
    image = torch.rand(1, 12, 12, 12)
    torch.testing.assert_close(
        predict_probs(net, image, patch=patch, flips=(0, 1, 2)), predict_probs(net, image, patch=patch)
    )


def test_flips_average_every_combination_of_axes():
    ramp = torch.arange(4.0).reshape(1, 1, 4, 1) + 10 * torch.arange(6.0).reshape(1, 1, 1, 6)
    calls = []
    probs = predict_probs(lambda x: calls.append(1) or ramp, torch.zeros(1, 4, 6), flips=(0, 1))
    assert len(calls) == 4
    # A ramp and its mirror image average to the middle of the ramp.
    torch.testing.assert_close(probs, torch.full((1, 4, 6), 1.5 + 25.0))


def test_a_single_flip_uses_the_axis_it_names():
    ramp = torch.arange(4.0).reshape(1, 1, 4, 1) + 10 * torch.arange(6.0).reshape(1, 1, 1, 6)
    probs = predict_probs(lambda x: ramp, torch.zeros(1, 4, 6), flips=(1,))
    torch.testing.assert_close(probs, (ramp[0] * 0 + torch.arange(4.0).reshape(1, 4, 1) + 25.0))


def test_labels_are_the_most_probable_classes_on_the_grid_of_the_image():
    image = torch.rand(3, 7, 8, 9)
    labels = predict_labels(lambda x: x.softmax(1), image, patch=(4, 4, 4))
    assert (labels.shape, labels.dtype) == ((7, 8, 9), torch.int64)
    assert torch.equal(labels, image.argmax(0))


class Net(nn.Module):
    """Notes the mode in which it was called."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Dropout(0.5))
        self.modes: list[bool] = []

    def forward(self, x):
        self.modes.append(any(m.training for m in self.modules()))
        return self.inner(x)

    def predict(self, image):
        return self(image)


@pytest.mark.parametrize("call", [lambda net: net, lambda net: net.predict])
def test_a_module_is_in_evaluation_mode_and_as_before_afterwards(call):
    net = Net().train()
    net.inner[1].eval()  # a part that is kept fixed during training
    probs = predict_probs(call(net), torch.rand(1, 6, 6))
    assert net.modes == [False]
    assert not probs.requires_grad
    assert net.training and net.inner[0].training and not net.inner[1].training


def test_the_mode_comes_back_after_an_error():
    net = Net().train()
    with pytest.raises(RuntimeError):
        predict_probs(net, torch.rand(5, 6, 6))
    assert net.inner.training


def test_autocast_computes_in_the_type_asked_for_and_returns_float32():
    net, types = nn.Conv2d(1, 2, 1), []

    def predictor(x):
        out = net(x)
        types.append(out.dtype)
        return out

    probs = predict_probs(predictor, torch.rand(1, 6, 6), patch=(4, 4), autocast=torch.bfloat16)
    assert set(types) == {torch.bfloat16}
    assert probs.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"patch": (4, 4, 4)}, ConfigError, "patch must hold 2 positive sizes"),
        ({"patch": (4, 0)}, ConfigError, "patch must hold 2 positive sizes"),
        ({"overlap": 1.0}, ConfigError, r"overlap must be in \[0, 1\)"),
        ({"flips": (2,)}, ConfigError, "flips must name different axes of 0 … 1"),
        ({"flips": (0, 0)}, ConfigError, "flips must name different axes"),
        ({"batch_size": 0}, ConfigError, "batch_size must be at least 1"),
        ({"image": torch.rand(6, 6)}, DataError, r"an image must have shape \(C, H, W\)"),
        ({"predictor": lambda x: x[..., ::2]}, DataError, "it must keep the batch and the grid"),
        ({"predictor": lambda x: x[0]}, DataError, "it must keep the batch and the grid"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(options, error, sentence):
    arguments = {"predictor": lambda x: x, "image": torch.rand(1, 6, 6), **options}
    with pytest.raises(error, match=sentence):
        predict_probs(**arguments)
