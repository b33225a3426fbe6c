from __future__ import annotations

import pytest

from segkit.errors import ConfigError
from segkit.exercises import CheckFailed, Result, check, collect

from .conftest import double


def test_right_and_wrong(tiny):
    assert check("tiny.double", double)
    assert repr(check("tiny.double", double)) == "✓ tiny.double: right"
    wrong = check("tiny.double", lambda x: x + 2)
    assert not wrong
    assert repr(wrong) == "✗ tiny.double: You add 2; multiply."


@pytest.mark.parametrize("answer", [..., None, " your answer here ", lambda x: None, lambda x: ...])
def test_a_stub_is_told_how_to_begin(tiny, answer):
    assert check("tiny.double", answer).hint == "Multiply by two."


def test_strict_mode_raises(tiny, monkeypatch):
    monkeypatch.setenv("SEGKIT_CHECK", "strict")
    assert check("tiny.double", double)
    with pytest.raises(CheckFailed, match="You square"):
        check("tiny.double", lambda x: x**2)


def test_the_page_shows_the_hint_as_text():
    html = Result("a.b", False, "1 < 2 & <b>")._repr_html_()
    assert "1 &lt; 2 &amp; &lt;b&gt;" in html
    assert "background:" in html
    assert "✓" in Result("a.b", True)._repr_html_()


def test_an_unknown_exercise_is_an_error_of_the_notebook(tiny):
    with pytest.raises(ConfigError, match=r"did you mean 'tiny.double'"):
        check("tiny.doubel", double)


def test_results_are_collected_even_nested_and_after_an_error(tiny):
    with collect() as outer:
        with collect() as inner:
            check("tiny.double", double)
        with pytest.raises(ZeroDivisionError), collect():
            raise ZeroDivisionError
        check("tiny.double", ...)
    check("tiny.double", double)
    assert [result.passed for result in inner] == [True]
    assert [result.passed for result in outer] == [True, False]
