"""The gradient of an angle: the oracle is the derivative, and what was predicted is what it does."""

from __future__ import annotations

import pytest
import torch

from segkit.exercises import check
from segkit.exercises.local_ssl.slopes import RIGHT, _by_machine, _slopes
from segkit.local_ssl import local_consistency

NAME = "local_ssl.slopes"


def rows(seed):
    return tuple(torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


@pytest.mark.parametrize("stopped", [True, False])
def test_the_oracle_is_the_derivative(stopped):
    for one, other in zip(_slopes(*rows(0), stopped), _by_machine(*rows(0), stopped), strict=True):
        torch.testing.assert_close(one, other)


def test_the_library_has_the_same_gradient():
    p, z = rows(1)
    leaf = p.clone().requires_grad_()
    local_consistency(leaf[None], z[None]).sum().backward()
    torch.testing.assert_close(leaf.grad, _slopes(p, z, True)[0])


def test_the_prediction_is_what_it_does():
    long, target = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    (right,) = _slopes(long, target, True)[0].norm(dim=1)
    (opposite,) = _slopes(long, -5 * long, True)[0].norm(dim=1)
    p, z = rows(2)
    along = (p * _slopes(p, z, True)[0]).sum(1).abs().max()
    start = torch.tensor([[1.0, 0.0]])
    after = (start - 0.5 * _slopes(start, target, True)[0]).square().sum()
    measured = {"right angle": right, "opposite": opposite, "along itself": along, "after a step": after}
    assert {name: float(each) for name, each in measured.items()} == pytest.approx(RIGHT, abs=1e-6)


def by_projection(p, z, stopped):
    def one(a, b):
        unit = a / a.norm(dim=1, keepdim=True)
        across = torch.eye(a.shape[1], dtype=a.dtype) - unit[:, :, None] * unit[:, None]
        return -2 * (across @ (b / b.norm(dim=1, keepdim=True))[..., None])[..., 0] / a.norm(dim=1)[:, None]

    return [one(p, z), 0.0 if stopped else one(z, p)]


def test_other_right_answers():
    assert check(NAME, (RIGHT, by_projection))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((RIGHT, lambda p, z, stopped: (p, z)), "yours gives"),
        ((RIGHT, lambda p, z, stopped: 1.0), "TypeError"),
        (({**RIGHT, "right angle": 0.0}, _slopes), "The cosine is 0, its slope is not"),
        (({**RIGHT, "right angle": 0.5}, _slopes), "Twice the cosine"),
        (({**RIGHT, "along itself": 1.0}, _slopes), "keeps its direction"),
        (_slopes, "Pass all parts"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize(
    "half", [(..., _slopes), (RIGHT, ...), (RIGHT, lambda *each: None), ({**RIGHT, "opposite": ...}, _slopes)]
)
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("Write p̄ᵀz̄ as")
