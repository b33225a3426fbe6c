from __future__ import annotations

from dataclasses import replace

import pytest

from segkit.errors import DataError
from segkit.viz import grid


def shown(fig):
    return [ax for ax in fig.axes if ax.images]


def test_a_row_shares_one_window(case):
    bright = replace(case, image=case.image + 1000)
    fig = grid([case, bright, case, case], columns=2)
    first, second, third, fourth = (ax.images[0].get_clim() for ax in shown(fig))
    assert first == second
    assert first[1] > 1000
    assert third == fourth
    assert third[1] < 1000


def test_each_case_may_have_its_own_window(case):
    fig = grid([case, replace(case, image=case.image * 9)], window="each")
    assert len({ax.images[0].get_clim() for ax in shown(fig)}) == 2


def test_rows_may_be_given(case):
    fig = grid([[case, case, case], [case]], titles=list("abcd"))
    assert [ax.get_title() for ax in shown(fig)] == list("abcd")
    assert len(fig.axes) == 6


def test_one_legend_for_all(case):
    fig = grid([case, case])
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["head", "tail"]
    assert not any(ax.get_legend() for ax in fig.axes)
    assert not grid([case], labels=None).legends


def test_predictions_instead_of_labels(case):
    fig = grid([case, case], labels=[None, case.label], axis=2)
    assert [len(ax.collections) for ax in shown(fig)] == [0, 2]


@pytest.mark.parametrize("wrong", [{"titles": ["a"]}, {"labels": []}])
def test_one_of_each_per_case(case, wrong):
    with pytest.raises(DataError, match="one per case"):
        grid([case, case], **wrong)


def test_nothing_to_draw():
    with pytest.raises(DataError, match="at least one"):
        grid([])
