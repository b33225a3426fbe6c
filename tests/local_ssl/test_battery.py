"""What every loss over points owes: right, blind to what does not count, finite, stopped where it says."""

from __future__ import annotations

import pytest
import torch

from segkit.errors import DataError
from tests.local_ssl.registry import REGISTRY

every = pytest.mark.parametrize("entry", REGISTRY, ids=lambda entry: entry.name)


def example(batch=2, points=5, channels=3, *, ignored=False, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    online, target = torch.randn(2, batch, points, channels, generator=generator, dtype=torch.float64)
    valid = torch.rand(batch, points, generator=generator) < 0.6
    online = online.to(dtype).requires_grad_()
    return online, target.to(dtype), valid if ignored else torch.ones_like(valid)


def graded(loss, online, target, valid):
    target = target.detach().clone().requires_grad_()
    value = loss(online, target, valid)
    gradients = torch.autograd.grad(value, [online, target], allow_unused=True)
    return value.detach(), *gradients


@every
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("shape", [(1, 2, 1), (2, 5, 3), (3, 4, 2)])
def test_it_equals_a_loop_over_points(entry, ignored, shape):
    online, target, valid = example(*shape, ignored=ignored, seed=sum(shape))
    found = float(entry.loss(online, target, valid).detach())
    assert found == pytest.approx(entry.oracle(online.detach(), target, valid), abs=1e-9)


@every
def test_no_mask_is_a_mask_of_all(entry):
    online, target, valid = example()
    assert torch.equal(entry.loss(online, target, None), entry.loss(online, target, valid))


@every
@pytest.mark.parametrize("ignored", [False, True])
def test_its_gradient_is_that_of_its_value(entry, ignored):
    online, target, valid = example(2, 3, 2, ignored=ignored)
    assert torch.autograd.gradcheck(lambda x: entry.loss(x, target, valid), online)


@every
def test_the_gradient_stops_where_it_should(entry):
    *_, gradient = graded(entry.loss, *example())
    assert (gradient is None) == entry.stops


@every
@pytest.mark.parametrize("content", [50.0, float("nan"), float("inf")])
def test_what_does_not_count_changes_nothing(entry, content):
    online, target, valid = example(ignored=True)
    value, gradient, _ = graded(entry.loss, online, target, valid)
    assert gradient[~valid].abs().max() == 0
    other, changed = online.detach().clone(), target.clone()
    other[~valid] = changed[~valid] = content
    moved, moved_gradient, _ = graded(entry.loss, other.requires_grad_(), changed, valid)
    torch.testing.assert_close(moved, value)
    torch.testing.assert_close(moved_gradient, gradient)


@every
def test_what_does_not_count_might_as_well_not_be_there(entry):
    online, target, _ = example(points=6)
    kept = torch.tensor([True, False, True, True, False, True])
    value = entry.loss(online, target, kept.expand(2, 6))
    torch.testing.assert_close(value, entry.loss(online[:, kept], target[:, kept], None))


@every
def test_nothing_that_counts_is_zero_with_a_zero_gradient(entry):
    online, target, valid = example()
    value, gradient, _ = graded(entry.loss, online, target, torch.zeros_like(valid))
    assert value == 0 and gradient.abs().max() == 0


@every
def test_the_order_of_points_and_of_samples_does_not_matter(entry):
    online, target, valid = example(ignored=True)
    value = entry.loss(online, target, valid)
    points, samples = torch.tensor([3, 0, 4, 1, 2]), torch.tensor([1, 0])
    for index in ((slice(None), points), (samples,)):
        torch.testing.assert_close(entry.loss(online[index], target[index], valid[index]), value)


@every
def test_lengths_matter_only_where_they_should(entry):
    online, target, valid = example()
    value, moved = entry.loss(online, target, valid), entry.loss(3 * online, 0.2 * target, valid)
    assert torch.allclose(value, moved) == entry.scale_free


@every
@pytest.mark.parametrize("size", [0.0, 1e-20, 1e4, 1e15])
def test_tiny_and_huge_features_are_finite(entry, size):
    if size > 1e9 and not entry.scale_free:
        size = 1e9  # its square of squares is what float32 still holds
    online, target, valid = example(dtype=torch.float32)
    scaled = (size * online.detach()).requires_grad_()
    value, gradient, _ = graded(entry.loss, scaled, size * target, valid)
    assert value.isfinite() and gradient.isfinite().all()


@every
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_it_keeps_the_dtype_and_computes_in_full_precision(entry, dtype):
    online, target, valid = example(points=300, dtype=dtype)
    value = entry.loss(online, target, valid)
    exact = entry.loss(online.double(), target.double(), valid)
    assert value.dtype == dtype
    torch.testing.assert_close(value.double(), exact, rtol=1e-2, atol=1e-3)


@every
def test_autocast_takes_no_digits(entry):
    online, target, valid = example(points=50, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = entry.loss(online, target, valid)
    torch.testing.assert_close(inside, entry.loss(online, target, valid))


@every
def test_shards_average_to_the_batch_where_that_is_claimed(entry):
    online, target, valid = example(batch=4)
    parts = [entry.loss(online[i : i + 2], target[i : i + 2], valid[i : i + 2]) for i in (0, 2)]
    same = torch.allclose(torch.stack(parts).mean(), entry.loss(online, target, valid))
    assert same == entry.shards


@every
@pytest.mark.parametrize(
    "change",
    [
        lambda online, target, valid: (online, target[:1], valid),
        lambda online, target, valid: (online, target[:, :1], valid),
        lambda online, target, valid: (online, target[..., :1], valid),
        lambda online, target, valid: (online[0], target[0], valid[0]),
        lambda online, target, valid: (online, target, valid[:, :1]),
        lambda online, target, valid: (online, target, valid.float()),
        lambda online, target, valid: (online.long(), target.long(), valid),
    ],
)
def test_wrong_shapes_raise(entry, change):
    with pytest.raises(DataError):
        entry.loss(*change(*example()))


@every
@pytest.mark.slow
def test_compiled_equals_eager(entry):
    online, target, valid = example(ignored=True)
    value, gradient, _ = graded(entry.loss, online, target, valid)
    fast, fast_gradient, _ = graded(torch.compile(entry.loss), online, target, valid)
    torch.testing.assert_close(fast, value)
    torch.testing.assert_close(fast_gradient, gradient)
