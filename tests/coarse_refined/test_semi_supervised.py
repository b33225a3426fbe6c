from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import Halves
from segkit.errors import DataError
from segkit.train import Trainer
from tests.coarse_refined.methods import METHODS, build, state
from tests.coarse_refined.shapes import two_streams


class Streams:
    """Two streams by number."""

    def __getitem__(self, iteration):
        return two_streams(seed=iteration)


@pytest.mark.parametrize("name", METHODS)
def test_the_total_is_the_weighted_sum_and_everything_is_finite(name):
    method = build(name)
    for at in (0, 50):
        terms = method.step(two_streams(), state(at))
        weight = method.ramp(state(at))
        torch.testing.assert_close(terms["total"], terms["supervised"] + weight * terms["unlabelled"])
        assert all(value.ndim == 0 and value.isfinite() for value in terms.values())
        monitors = terms.keys() - {"total", "supervised", "unlabelled", "intra", "inter"}
        assert not any(terms[key].requires_grad for key in monitors)


@pytest.mark.parametrize("name", METHODS)
def test_a_step_trains_the_network_and_no_teacher(name):
    method = build(name)
    method.step(two_streams(), state())["total"].backward()
    for key, parameter in method.named_parameters():
        if key.startswith("teacher."):
            assert parameter.grad is None
            assert not parameter.requires_grad
    heads = [p for key, p in method.net.named_parameters() if "head" in key and p.grad is not None]
    assert max(p.grad.abs().max() for p in heads) > 0


@pytest.mark.parametrize("name", METHODS)
def test_the_trainer_learns_with_it(name):
    method = build(name)
    torch.manual_seed(1)
    trainer = Trainer(method, iterations=16, lr=1e-2, logger=None, accelerator="cpu", progress=False)
    history = trainer.fit(Streams())
    supervised = history.column("supervised")
    assert sum(supervised[-4:]) < sum(supervised[:4])
    p = trainer.predictor.eval().predict(two_streams()["image"])
    torch.testing.assert_close(p.sum(1), torch.ones(2, 16, 16))


@pytest.mark.parametrize(
    "name", ["mean teacher", "unimatch", "CRII", "copy-paste, CRII", "mutual", "pyramid"]
)
def test_volumes_work_as_images_do(name):
    method = build(name, dims=3)
    batch = two_streams(size=(12, 12, 12))
    terms = method.step(batch, state())
    terms["total"].backward()
    assert method.predict(batch["image"]).shape == (2, 2, 12, 12, 12)


@pytest.mark.parametrize("name", METHODS)
def test_the_same_state_gives_the_same_step(name):
    first, second = (build(name).step(two_streams(), state())["total"] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", [name for name in METHODS if "labelled only" not in name])
@pytest.mark.parametrize("missing", ["image", "label", "unlabelled_image"])
def test_a_missing_half_is_named(name, missing):
    batch = two_streams()
    del batch[missing]
    with pytest.raises(DataError, match=f"no '{missing}'"):
        build(name).step(batch, state())


@pytest.mark.parametrize("name", METHODS)
def test_labelled_images_without_foreground(name):
    batch = two_streams()
    batch["label"] = torch.zeros_like(batch["label"])
    method = build(name)
    terms = method.step(batch, state())
    terms["total"].backward()
    assert all(value.isfinite() for value in terms.values())
    assert all(p.grad.isfinite().all() for p in method.parameters() if p.grad is not None)


def test_halves_of_different_size():
    batch = two_streams()
    batch["unlabelled_image"] = batch["unlabelled_image"][..., :8]
    with pytest.raises(DataError, match="one patch"):
        Halves.of(batch)


def test_invalid_pixels_become_ignored():
    batch = two_streams()
    batch["valid"] = torch.zeros_like(batch["label"], dtype=torch.bool)
    assert (Halves.of(batch).label == -1).all()


@pytest.mark.parametrize("name", METHODS)
def test_methods_for_slices_predict_volumes_slice_by_slice(name):
    method = build(name).eval()
    volumes = torch.randn(2, 1, 3, 16, 16)
    found = method.predict(volumes)
    for k in range(3):
        torch.testing.assert_close(found[:, :, k], method.predict(volumes[:, :, k]))
