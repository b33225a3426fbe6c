"""The velocity against random draws and against automatic differentiation, and where descent ends."""

from __future__ import annotations

import pytest
import torch

from segkit.exercises import check
from segkit.exercises.coarse_refined.constant import NOISE, RIGHT, START, WAYS, _by_machine, _velocity

NAME = "coarse_refined.constant"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", [(1.0, 1.0, 0.5), (0.3, -1.2, 0.7), (-2.0, 0.4, 1.5)])
def test_the_oracle_is_the_derivative(place, way):
    assert _velocity(*place, way) == pytest.approx(_by_machine(*place, way))


def test_the_loss_is_the_mean_over_images_and_noise():
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, 200_000, generator=generator, dtype=torch.float64)
    w_c, w_r, s = 0.7, -0.4, 0.5
    loss = (w_c * (x + s * noise) - w_r * x).square().mean()
    assert float(loss) == pytest.approx((w_c - w_r) ** 2 + (s * w_c) ** 2, rel=0.02)


@pytest.mark.parametrize("way", WAYS)
def test_descent_ends_where_it_is_predicted(way):
    w_c, w_r = START
    for _ in range(4000):
        dw_c, dw_r = _velocity(w_c, w_r, NOISE, way)
        w_c, w_r = w_c + 0.02 * dw_c, w_r + 0.02 * dw_r
    assert (w_c, w_r) == pytest.approx(RIGHT[way], abs=1e-3)


def test_other_right_answers():
    def in_tensors(w_c, w_r, s, way):
        w = torch.tensor([w_c, w_r])
        slope = torch.tensor([2 * (w[0] - w[1]) + 2 * s * s * w[0], -2 * (w[0] - w[1])])
        if way == "detached":
            slope[1] = 0
        return -slope if way != "shared" else -slope[[0, 0]]

    assert check(NAME, ({way: list(limit) for way, limit in RIGHT.items()}, in_tensors))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (_velocity, "Pass all parts to check(): (limits, velocity)"),
        (({**RIGHT, "symmetric": (1, 1)}, _velocity), "the loss is s² there"),
        (
            ({**RIGHT, "symmetric": (0.9, 0.9)}, _velocity),
            "(0.9, 0.9) is not right. Where does neither weight",
        ),
        (({**RIGHT, "shared": 0}, _velocity), "`limits`: For 'shared' 2 numbers"),
        ((RIGHT, lambda *each: 0.0), "shape () where (2,) is expected"),
        ((RIGHT, lambda *each: (0.0, 0.0)), "yours gives 0 at (0,)"),
        ((RIGHT, lambda *each: ("left", "right")), "Numbers are expected"),
        ((RIGHT, 3), "without calling it"),
        ((RIGHT, lambda w_c, w_r, s: (0.0, 0.0)), "TypeError"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize("half", [(..., _velocity), (RIGHT, ...), (RIGHT, lambda *each: None)])
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("Multiply out")
