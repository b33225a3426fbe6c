"""The oracles of the exercises on measuring, against other ways to the same number."""

from __future__ import annotations

import numpy as np
import pytest

from segkit.evaluate.statistics import hierarchical_bootstrap, sign_test
from segkit.exercises import check
from segkit.exercises.measuring import REPORT_FAULTS, REPORT_VIRTUES, _dice_of_balls


@pytest.mark.parametrize("shift", [0.0, 3.0, 11.0, 21.0, 25.0])
def test_dice_of_balls_by_counting_voxels(shift):
    radius = 10.5
    x, y, z = np.meshgrid(np.arange(-12, 40), np.arange(-12, 13), np.arange(-12, 13), indexing="ij")
    a = x**2 + y**2 + z**2 <= radius**2
    b = (x - shift) ** 2 + y**2 + z**2 <= radius**2
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) == pytest.approx(_dice_of_balls(radius, shift), abs=0.02)


def test_mean_hd95_by_a_loop():
    def answer(hd95, missed, diagonal):
        values = [d if m else h for h, m, d in zip(hd95, missed, diagonal, strict=True)]
        values = [value for value in values if value == value]
        return sum(values) / len(values)

    assert check("measuring.mean_hd95", answer)


def test_the_librarys_sign_test_passes():
    assert check("measuring.sign_test", sign_test)


@pytest.mark.parametrize("n", [300, 3000])
def test_the_number_of_resamples_is_free(n):
    def answer(scores, generator):
        draws, cases = scores.shape
        rows, columns = generator.integers(draws, size=(n, draws)), generator.integers(cases, size=(n, cases))
        means = [scores[row][:, column].mean() for row, column in zip(rows, columns, strict=True)]
        return sorted(means)[round(0.025 * n)], sorted(means)[round(0.975 * n)]

    assert check("measuring.bootstrap", answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda scores, generator: scores.mean(), "Return two numbers"),
        (lambda scores, generator: (0.0, 0.1), "does not lie between"),
        (lambda scores, generator: (0.0, 2.0), "another width"),
    ],
)
def test_what_is_no_interval(answer, hint):
    assert hint in check("measuring.bootstrap", answer).hint


def test_draws_needed_with_rounded_quantiles():
    assert check("measuring.draws_needed", lambda sd, effect: np.ceil((2.8 * sd / effect) ** 2))


def test_every_sentence_of_the_report_has_its_answer():
    assert sorted([*REPORT_FAULTS, *REPORT_VIRTUES]) == list("12345678")
    assert check("measuring.criticise_report", "23567")
    for fault, question in REPORT_FAULTS.items():
        assert check("measuring.criticise_report", set(REPORT_FAULTS) - {fault}).hint == question
    for virtue, reason in REPORT_VIRTUES.items():
        assert check("measuring.criticise_report", {*REPORT_FAULTS, virtue}).hint == reason


def test_the_librarys_interval_is_wider_where_the_draws_differ():
    """What the remark below the solution says."""
    generator = np.random.default_rng(0)
    scores = 0.8 + 0.05 * generator.normal(size=(5, 1)) + 0.01 * generator.normal(size=(5, 40))
    interval = hierarchical_bootstrap(scores)
    plain = np.percentile([scores[generator.integers(5, size=5)].mean() for _ in range(1000)], [2.5, 97.5])
    assert interval.high - interval.low > 1.3 * (plain[1] - plain[0])
