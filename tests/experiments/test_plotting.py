"""The figure of an experiment: one line per arm, every draw a dot, curves where a number varies."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from fakes import fake_record, with_mean

from segkit.errors import ConfigError
from segkit.experiments import plot


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def records(**changes) -> list[dict]:
    return [
        fake_record(arm, draw, with_mean(level + 0.01 * draw), **changes)
        for draw in range(5)
        for arm, level in (("plain", 0.80), ("other", 0.78))
    ]


def test_scores_and_paired_differences_stand_side_by_side():
    scores, gains = plot(records(), names={"plain": "cross-entropy"}).axes
    assert [t.get_text() for t in scores.get_yticklabels()] == ["cross-entropy", "other"]
    assert [t.get_text() for t in gains.get_yticklabels()] == ["other"]
    assert gains.get_xlabel() == "difference to cross-entropy"
    dots = {len(line.get_xdata()) for line in scores.lines}
    assert 5 in dots  # every draw is there


def test_one_arm_alone_has_no_panel_of_differences():
    only = [r for r in records(metric="hd95_mm") if r["arm"] == "plain"]
    (scores,) = plot(only, metric="hd95_mm", structure="anterior").axes
    assert scores.get_xlabel() == "hd95 in mm, anterior"


def test_a_number_that_varies_becomes_the_axis_of_curves():
    many = [r for updates in (240, 30) for r in records(setting={"n_labelled": 4, "updates": updates})]
    (ax,) = plot(many).axes
    assert ax.get_xlabel() == "updates"
    assert ax.get_xscale() == "log"
    assert ax.get_legend_handles_labels()[1] == ["plain", "other"]


def test_a_draw_that_one_setting_lacks_leaves_a_gap():
    many = records(setting={"n_labelled": 2}) + records(setting={"n_labelled": 4})[:4]
    (ax,) = plot(many).axes
    assert ax.get_xscale() == "linear"


@pytest.mark.parametrize(
    "other",
    [{"setting": {"n_labelled": 8, "updates": 3}}, {"setting": {"n_labelled": "all"}}, {"dataset": "acdc"}],
)
def test_what_does_not_fit_into_one_figure_is_refused(other):
    with pytest.raises(ConfigError, match="differ in one number at most"):
        plot(records() + records(**other))
