from __future__ import annotations

import json
import re

import numpy as np
import pytest

from segkit.errors import ConfigError
from segkit.viz import scrub
from segkit.viz.scrubber import BUDGET


def shade(*values: float) -> np.ndarray:
    """A frame whose grey tells which values made it."""
    return np.full((4, 4), sum(v * 10.0**-i for i, v in enumerate(values, start=1)))


def data(html: str) -> dict:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])


def test_a_list_of_frames():
    widget = scrub([shade(i) for i in range(3)], alt="A shade", caption="Darker to lighter.", name="step")
    packed = data(widget.html())
    assert packed["labels"] == [["1", "2", "3"]]
    assert packed["alts"] == ["A shade (step: 1)", "A shade (step: 2)", "A shade (step: 3)"]
    assert packed["captions"] == ["Darker to lighter."] * 3
    assert len(set(packed["frames"])) == 3


def test_two_sliders_in_row_major_order():
    called = []

    def draw(k, sigma):
        called.append((k, sigma))
        return shade(k, sigma)

    widget = scrub(draw, sliders={"k": [1, 2], "σ": [0.5, 2.0, 4.0]}, alt="x", start=(1, 2))
    packed = data(widget.html())
    assert called == [(1, 0.5), (1, 2.0), (1, 4.0), (2, 0.5), (2, 2.0), (2, 4.0)]
    assert packed["labels"] == [["1", "2"], ["0.5", "2", "4"]]
    assert packed["start"] == [1, 2]
    assert packed["alts"][3] == "x (k: 2, σ: 0.5)"
    assert repr(widget) == "Scrub(k (2) × σ (3))"


def test_a_mapping_of_frames():
    frames = {(b, a): shade(a, b) for a in (1, 2) for b in (3, 4)}
    widget = scrub(frames, sliders={"b": [3, 4], "a": [1, 2]}, alt="x")
    assert [picture.getpixel((0, 0))[0] for picture in widget.pictures] == [
        round(255 * (a / 10 + b / 100)) for b in (3, 4) for a in (1, 2)
    ]
    assert scrub({1: shade(1)}, sliders={"a": [1]}, alt="x").positions == [(0,)]


def test_the_fragment_asks_for_nothing_and_shows_something_without_script():
    html = scrub([shade(1), shade(2)], alt='A "shade" <b>', caption="</script><b>", start=1).html()
    assert not re.search(r"https?:|//[a-z]|require|import\(|fetch|src=\"(?!data:)", html)
    assert html.count("<img") == 1
    assert re.search(r'<img[^>]*alt="A &quot;shade&quot; &lt;b&gt; \(frame: 2\)"', html)
    assert html.count("<script") == 2
    assert html.count("<label hidden>") == 1
    assert "</script><b>" not in html
    assert data(html)["captions"][0] == "</script><b>"


def test_the_same_frames_are_the_same_fragment():
    make = lambda: scrub([shade(1), shade(2)], alt="x").html()  # noqa: E731
    assert make() == make()


def test_a_large_figure_stays_within_the_budget():
    generator = np.random.default_rng(0)
    html = scrub([generator.random((300, 300)) for _ in range(12)], alt="noise").html()
    assert len(html) < BUDGET + 20_000 < 1_500_000


def test_frames_of_two_sizes_share_one_card():
    widget = scrub([np.zeros((4, 8)), np.zeros((10, 6))], alt="x")
    assert {picture.size for picture in widget.pictures} == {(8, 10)}


def test_texts_per_frame():
    packed = data(scrub([shade(1), shade(2)], alt=["one", "two"], caption=["I", "II"], labels="ab").html())
    assert (packed["alts"], packed["captions"], packed["labels"]) == (
        ["one", "two"],
        ["I", "II"],
        [["a", "b"]],
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frames": []}, "at least one"),
        ({"frames": [shade(1)], "labels": ["a", "b"]}, "1 frames but 2 labels"),
        ({"frames": [shade(1)], "caption": ["a", "b"]}, "2 captions"),
        ({"frames": [shade(1)], "alt": []}, "0 alternative texts"),
        ({"frames": [shade(1)], "start": 1}, "no position"),
        ({"frames": [shade(1)], "start": (0, 0)}, "no position"),
        ({"frames": shade}, "needs `sliders`"),
        ({"frames": {(1,): shade(1)}}, "needs `sliders`"),
        ({"frames": [shade(1)], "sliders": {"a": [1]}}, "as a mapping or a function"),
        ({"frames": {(1,): shade(1)}, "sliders": {"a": [1, 2]}}, "no frame for {'a': 2}"),
        ({"frames": shade, "sliders": {"a": []}}, "at least one"),
    ],
)
def test_what_does_not_fit_together(arguments, message):
    with pytest.raises(ConfigError, match=message):
        scrub(**{"alt": "x", **arguments})
