"""What a page shows of a table."""

from __future__ import annotations

import pytest
from fakes import fake_record, with_mean

from segkit.errors import DataError
from segkit.experiments import Table, table_rows


def records(metric: str = "dice", setting: dict | None = None) -> list[dict]:
    return [
        fake_record(arm, draw, with_mean(level + 0.01 * draw), metric=metric, setting=setting)
        for draw in range(6)
        for arm, level in (("plain", 0.80), ("<worse>", 0.78))
    ]


def test_html_takes_the_colours_of_the_page_and_escapes_names():
    html = Table(table_rows(records()))._repr_html_()
    assert "color:inherit" in html
    assert "background:none" in html
    assert "&lt;worse&gt;" in html and "<worse>" not in html
    assert html.count('scope="col"') == 6  # arm, mean, worst draw, difference, p, draws × cases


def test_markdown_and_text_say_the_same():
    table = Table(table_rows(records()), names={"plain": "cross-entropy"})
    markdown, text = table._repr_markdown_(), str(table)
    for shown in (markdown, text):
        assert shown.splitlines()[0] == "chapter/trial, hippocampus, dice, 4 labelled patients"
        assert "cross-entropy" in shown
        assert "−0.020 [−0.020, −0.020]" in shown
        assert "baseline" in shown
        assert "0.031" in shown
        assert "6 × 3" in shown
    assert "| --- |" in markdown


def test_what_varies_becomes_a_column_and_distances_show_their_worst():
    rows = table_rows(records("hd95_mm") + records("hd95_mm", setting={"n_labelled": 8, "updates": 30}))
    lines = str(Table(rows)).splitlines()
    assert lines[0] == "chapter/trial, hippocampus, hd95 in mm"
    assert lines[1].split("  ")[0].strip() == "labelled"
    assert "updates 30" in lines[-1]
    assert " 0.83 " in lines[-1]  # the largest mean of a draw, not the smallest


def test_the_validation_part_and_a_structure_are_named():
    rows = table_rows([fake_record(part="validation")], structure="anterior")
    assert str(Table(rows)).splitlines()[0].endswith("4 labelled patients, anterior, validation part")


def test_no_rows():
    with pytest.raises(DataError, match="at least one row"):
        Table([])._repr_html_()
